-- After citeproc: fold code, link pages, let wide tables scroll, put the references into the appendix.
local press = dofile(pandoc.path.join { pandoc.path.directory(PANDOC_SCRIPT_FILE), 'common.lua' })
local listings = press.options.listings or {}  -- identifier -> what is put in its place

-- Pandoc looks for a language by name, then among all its syntaxes, which it has to read for that (a third of a second).
-- So what is no language of its is not asked for, and short names are said in full.
local spoken = {
  py = 'python', js = 'javascript', ts = 'typescript', sh = 'bash', yml = 'yaml', md = 'markdown', rb = 'ruby',
  rs = 'rust', jl = 'julia', hs = 'haskell', h = 'c', cc = 'cpp', tex = 'latex',
}
local unspoken = {}
for word in ([[text plain plaintext none console output stdout stderr ansi terminal shell shell-session sh-session
  mermaid graphviz ojs ipython ipython3 python3 py3 pycon pytb traceback rscript qmd csv http make docker cuda vim fish
  tsx hcl jinja math error warning info]]):gmatch('%S+') do unspoken[word] = true end

local function coloured(el)
  local language = el.classes[1]
  if spoken[language] then
    el.classes[1] = spoken[language]
  elseif unspoken[language] and not el.classes:includes('numberLines') then
    el.attributes.class = table.concat(el.classes, ' ')
    el.classes = {}
  end
end

local function folded(el)
  local fold = el.attributes['code-fold'] or (el.classes:includes('cell-code') and press.options.code_fold) or 'false'
  local summary = el.attributes['code-summary'] or press.options.code_summary or 'Code'
  local filename = el.attributes['filename']
  for _, key in ipairs { 'code-fold', 'code-summary', 'filename' } do el.attributes[key] = nil end
  local overflow = el.attributes['code-overflow'] or press.options.code_overflow
  el.attributes['code-overflow'] = nil
  if overflow == 'wrap' then el.classes:insert('code-overflow-wrap') end
  coloured(el)
  local blocks = pandoc.List { el }
  if filename then
    blocks:insert(1, press.html('<div class="code-with-filename"><div class="code-with-filename-file">' .. press.escape(filename) .. '</div>'))
    blocks:insert(press.html('</div>'))
  end
  if fold == 'true' or fold == 'show' then
    blocks:insert(1, press.html('<details class="code-fold"' .. (fold == 'show' and ' open' or '') .. '><summary>' .. press.escape(summary) .. '</summary>'))
    blocks:insert(press.html('</details>'))
  end
  return blocks
end

local function code(el)
  if el.classes:includes('press-out') then
    el.classes = el.classes:filter(function(class) return class ~= 'press-out' end)
    return el
  end
  return folded(el)
end

--- "/x" counts from the site's root.
local function page_link(target)
  if target:match('^%a[%w+.-]*:') or target:match('^//') or target:match('^#') then return target end
  local file, rest = target:match('^([^?#]*)(.*)$')
  if file:sub(1, 1) == '/' then file = press.options.prefix .. file:sub(2) end
  return file .. rest
end

local function link(el)
  el.target = page_link(el.target)
  el.content = el.content:walk { Link = function(inner) return inner.classes:includes('lightbox') and inner.content or nil end }
  local own = press.options.site_url or ''
  if press.options.new_window and el.target:match('^https?://') and (own == '' or el.target:sub(1, #own) ~= own) then
    el.attributes.target, el.attributes.rel = '_blank', 'noopener'
  end
  return el
end

--- An image that leads somewhere: to where fig-link says, or to itself, large.
local function linked(el)
  local to, lightbox = el.attributes['fig-link'], el.classes:includes('lightbox')
  local wanted = (lightbox or press.options.lightbox) and not el.classes:includes('nolightbox')
  for _, key in ipairs { 'fig-link', 'lightbox', 'group', 'description' } do
    if key == 'lightbox' and el.attributes[key] == 'false' then wanted = false end
    if key == 'group' and wanted and el.attributes[key] then el.attributes['data-gallery'] = el.attributes[key] end
    if key ~= 'description' or wanted then el.attributes[key] = nil end
  end
  el.classes = el.classes:filter(function(class) return class ~= 'lightbox' end)
  if to then return pandoc.Link({ el }, page_link(to)) end
  if not wanted or el.src:match('^data:') then return el end
  local gallery = el.attributes['data-gallery']
  el.attributes['data-gallery'] = nil
  return pandoc.Link({ el }, el.src, '', pandoc.Attr('', { 'lightbox' }, gallery and { ['data-gallery'] = gallery } or {}))
end

local function image(el)
  if el.src:sub(1, 1) == '/' and el.src:sub(1, 2) ~= '//' then el.src = press.options.prefix .. el.src:sub(2) end
  el.classes = el.classes:filter(function(class) return class ~= 'press-image' end)
  local alt = el.attributes['fig-alt']
  if alt then
    el.attributes['fig-alt'], el.caption = nil, { pandoc.Str(alt) }
  end
  el.attributes['fig-align'] = nil
  if not el.classes:includes('img-fluid') then el.classes:insert('img-fluid') end
  return linked(el)
end

local tables = 0

local function wide(el)
  tables = tables + 1
  local around = '<div class="table-scroll" tabindex="0" role="region" aria-label="Table %d">'
  return { press.html(around:format(tables)), el, press.html('</div>') }
end

local function empty_caption(el)
  el.classes:insert('table')
  return wide(el)
end

local function div(el)
  local marker = listings[el.identifier]
  if marker then
    listings[el.identifier] = nil
    return press.html(marker)
  end
  local about = press.options.about
  if about and about.id ~= '' and el.identifier == about.id then
    local blocks = pandoc.List { press.html('<div class="about quarto-about-' .. about.template .. '" id="' .. press.escape(about.id) .. '">'
      .. about.image .. '<div class="about-contents">') }
    blocks:extend(el.content)
    blocks:insert(press.html('</div>' .. about.links .. '</div>'))
    return blocks
  end
end

--- Quarto's appendix: the references last, unless the author gave them a place.
local function references(doc)
  local at
  for index, block in ipairs(doc.blocks) do
    if block.t == 'Div' and block.identifier == 'refs' then at = index end
  end
  if at and not press.options.explicit_refs and #doc.blocks[at].content > 0 then
    local refs = doc.blocks:remove(at)
    local title = press.options.references_title or 'References'
    doc.blocks:extend {
      press.html(press.options.appendix .. '<div id="quarto-appendix" class="default"><section class="quarto-appendix-contents" role="doc-bibliography" id="quarto-bibliography">'
        .. '<h2 class="anchored quarto-appendix-heading">' .. press.escape(title) .. '</h2>'),
      refs,
      press.html('</section></div>' .. press.options.appendix),
    }
  end
  local names = pandoc.List()
  for name in pairs(listings) do names:insert(name) end
  table.sort(names)
  for _, name in ipairs(names) do doc.blocks:insert(press.html(listings[name])) end
  return doc
end

return { { CodeBlock = code, Link = link, Image = image, Table = empty_caption, Div = div }, { Pandoc = references } }
