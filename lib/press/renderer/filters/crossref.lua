-- Numbers figures, tables, listings, equations and sections as Quarto does, and resolves @fig-x and its relatives.
local folder = pandoc.path.directory(PANDOC_SCRIPT_FILE)
local press = dofile(pandoc.path.join { folder, 'common.lua' })
local kinds = dofile(pandoc.path.join { folder, 'kinds.lua' })
local figures = dofile(pandoc.path.join { folder, 'figures.lua' })
local dress, dress_all, figure = figures.dress, figures.dress_all, figures.figure
local take_caption, spread_images = figures.take_caption, figures.spread_images

local NBSP = '\u{a0}'
local floats = kinds.floats
local counts = {}
local index = {} -- label -> { kind, number, sub }

local function register(id, kind, number, sub)
  if index[id] then press.problem('#' .. id, "the label '" .. id .. "' is used twice", 'references') end
  index[id] = { kind = kind, number = number, sub = sub }
end

local function numbered_caption(kind, number, caption)
  local text = kinds.title(kind) .. NBSP .. kinds.label(kind, number)
  local inlines = pandoc.List { pandoc.Str(text) }
  if #caption > 0 then
    inlines[1] = pandoc.Str(text .. kinds.delimiter)
    inlines:insert(pandoc.Space())
    inlines:extend(caption)
  end
  return inlines
end

local function letter(n) return string.char(96 + n) end

--- One sub-float: "(a) caption", registered as part (a) of its parent.
local function sub_float(el, kind, number, nth)
  local caption, content
  if el.t == 'Figure' then
    caption, content = pandoc.utils.blocks_to_inlines(el.caption.long), el.content
  elseif el.t == 'Table' then
    caption = pandoc.utils.blocks_to_inlines(el.caption.long)
    local bare = el:clone()
    bare.caption, bare.identifier = { long = {} }, ''
    content = pandoc.List { bare }
  else
    content = pandoc.List(el.content)
    caption = take_caption(content)
    content = spread_images(content)
    if #content == 1 and content[1].t == 'Figure' then content = content[1].content end
  end
  register(el.identifier, kind, number, letter(nth))
  local inlines = pandoc.List { pandoc.Str('(' .. letter(nth) .. ')') }
  if #caption > 0 then
    inlines:insert(pandoc.Space())
    inlines:extend(caption)
  end
  local align
  content, align = dress_all(content, caption)
  return figure(kind, el.identifier, content, inlines, { sub = true, numbered = true, align = align })
end

local function sub_floats(blocks, kind, number)
  local nth = 0
  local function visit(list)
    local done = pandoc.List()
    for _, block in ipairs(list) do
      local id = block.identifier or ''
      local own = press.kind(id)
      if own and floats[own] and (block.t == 'Figure' or block.t == 'Table' or block.t == 'Div') then
        nth = nth + 1
        done:insert(sub_float(block, own, number, nth))
      elseif block.t == 'Div' and not block.classes:includes('cell-output') then
        block.content = visit(block.content)
        done:insert(block)
      elseif block.t == 'Figure' then
        local align
        block.content, align = dress_all(block.content)
        local caption = pandoc.utils.blocks_to_inlines(block.caption.long)
        done:insert(#caption > 0 and figure('fig', '', block.content, caption, { align = align }) or pandoc.Div(block.content))
      else
        done:insert(block)
      end
    end
    return done
  end
  return visit(blocks)
end

local function plain_figure(el)
  local content, align = dress_all(el.content)
  local caption = pandoc.utils.blocks_to_inlines(el.caption.long)
  return figure('fig', el.identifier, content, caption, { align = align, classes = el.classes })
end

local function new_number(id, kind)
  counts[kind] = (counts[kind] or 0) + 1
  register(id, kind, counts[kind])
  return counts[kind]
end

local function float_figure(el)
  local kind = press.kind(el.identifier)
  if not floats[kind] then return plain_figure(el), false end
  local number = new_number(el.identifier, kind)
  local content, align = dress_all(el.content)
  local caption = numbered_caption(kind, number, pandoc.utils.blocks_to_inlines(el.caption.long))
  return figure(kind, el.identifier, content, caption, { numbered = true, align = align, classes = el.classes }), false
end

local function float_table(el)
  local kind = press.kind(el.identifier)
  if kind ~= 'tbl' then return nil end
  local id = el.identifier
  local caption = numbered_caption('tbl', new_number(id, 'tbl'), pandoc.utils.blocks_to_inlines(el.caption.long))
  el.identifier, el.caption = '', { long = {} }
  return figure('tbl', id, pandoc.List { el }, caption, { numbered = true }), false
end

local function float_div(el)
  local kind = press.kind(el.identifier)
  local from_cell = el.classes:includes('press-float')
  if not (kind and floats[kind]) and not from_cell then return nil end
  kind = kind and floats[kind] and kind or 'fig'
  local numbered = el.identifier ~= '' and press.kind(el.identifier) ~= nil and floats[press.kind(el.identifier)] or false
  local number = numbered and new_number(el.identifier, kind)
  local blocks = pandoc.List(el.content)
  local caption = take_caption(blocks)
  local location = el.attributes['cap-location'] or el.attributes['fig-cap-location'] or el.attributes['tbl-cap-location']
  local layout = press.has_layout(el) and press.take_layout(el)
  if not from_cell then blocks = spread_images(blocks) end
  if #blocks == 1 and blocks[1].t == 'Table' and #caption == 0 then
    caption = pandoc.utils.blocks_to_inlines(blocks[1].caption.long)
    blocks[1].caption = { long = {} }
  end
  blocks = sub_floats(blocks, kind, number or 0)
  local align
  blocks, align = dress_all(blocks, caption)
  if layout then blocks = pandoc.List { pandoc.Div(blocks, layout) } end
  if numbered then caption = numbered_caption(kind, number, caption) end
  local classes = el.classes:filter(function(class) return class ~= 'press-float' end)
  local options = { numbered = numbered, align = align, location = location, classes = classes }
  return figure(kind, el.identifier, blocks, caption, options), false
end

local function float_code(el)
  local kind = press.kind(el.identifier)
  if kind ~= 'lst' then
    if el.attributes['lst-cap'] and not el.classes:includes('cell-code') then press.problem('lst-cap', 'lst-cap needs a label such as {#lst-name}') end
    return nil
  end
  local id, text = el.identifier, el.attributes['lst-cap'] or ''
  local caption = pandoc.utils.blocks_to_inlines(pandoc.read(text, press.reader).blocks)
  el.identifier, el.attributes['lst-cap'] = '', nil
  return figure('lst', id, pandoc.List { el }, numbered_caption('lst', new_number(id, 'lst'), caption), { numbered = true }), false
end

--- A bare image in a paragraph of its own, with a label and no caption, is a figure too.
local function float_para(el)
  local images = press.images(el)
  if #images == 1 then
    local image = images[1]
    local kind = press.kind(image.identifier)
    if floats[kind] then
      local id = image.identifier
      image.identifier = ''
      return float_figure(pandoc.Figure({ pandoc.Plain { image } }, { long = {} }, pandoc.Attr(id)))
    end
    local align = dress(image)
    return pandoc.Div({ pandoc.Plain { image } }, pandoc.Attr('', { 'quarto-figure', 'quarto-figure-' .. (align or 'center') })), false
  end
end

-- Equations: `$$ ... $$ {#eq-x}` ---------------------------------------------------------------------------------

local function equation(math, id)
  local number = kinds.label('eq', new_number(id, 'eq'))
  return pandoc.Span({
    pandoc.Span({ math }, pandoc.Attr('', { 'math-display' })),
    pandoc.Span({ pandoc.Str('(' .. number .. ')') }, pandoc.Attr('', { 'eq-number' })),
  }, pandoc.Attr(id, { 'numbered-equation' }))
end

local function equations(inlines)
  local done, at = pandoc.List(), 1
  while at <= #inlines do
    local el = inlines[at]
    if el.t == 'Math' and el.mathtype == 'DisplayMath' then
      local next_at = at + 1
      while inlines[next_at] and (inlines[next_at].t == 'Space' or inlines[next_at].t == 'SoftBreak') do next_at = next_at + 1 end
      local tag = inlines[next_at] and inlines[next_at].t == 'Str' and inlines[next_at].text or ''
      local id, rest = tag:match('^{#(eq%-[^ }]+)}(.*)$')
      if id then
        done:insert(equation(el, id))
        if rest ~= '' then done:insert(pandoc.Str(rest)) end
        at = next_at
      else
        if tag:match('^{#') then press.problem(tag, "'" .. tag .. "': an equation's label begins with eq- and stands alone in the braces") end
        done:insert(pandoc.Span({ el }, pandoc.Attr('', { 'math-display' })))
      end
    elseif el.t == 'Span' and (el.classes:includes('math-display') or el.classes:includes('numbered-equation')) then
      done:insert(el)
    else
      done:insert(el)
    end
    at = at + 1
  end
  return done
end

-- Sections -------------------------------------------------------------------------------------------------------

local function number_sections(doc)
  local top, levels = 7, {}
  doc:walk { Header = function(el) if not el.classes:includes('unnumbered') then top = math.min(top, el.level) end end }
  return doc:walk {
    Header = function(el)
      if el.classes:includes('unnumbered') then return nil end
      levels[el.level] = (levels[el.level] or 0) + 1
      for deeper = el.level + 1, 7 do levels[deeper] = 0 end
      local parts = {}
      for level = top, el.level do table.insert(parts, tostring(levels[level] or 0)) end
      local number = table.concat(parts, '.')
      if press.kind(el.identifier) == 'sec' then register(el.identifier, 'sec', number) end
      if press.options.number_sections and el.level <= (press.options.number_depth or 6) then
        el.content:insert(1, pandoc.Space())
        el.content:insert(1, pandoc.Span({ pandoc.Str(number) }, pandoc.Attr('', { 'header-section-number' })))
        return el
      end
    end,
  }
end

-- References -----------------------------------------------------------------------------------------------------

local function reference(citation, id)
  local entry = index[id]
  local inlines = pandoc.List()
  local prefix = kinds.prefix(entry.kind, citation.id ~= id)
  if #citation.prefix > 0 then
    inlines:extend(citation.prefix)
    inlines:insert(pandoc.Str(NBSP))
  elseif citation.mode ~= 'SuppressAuthor' and prefix ~= '' then
    inlines:insert(pandoc.Str(prefix .. NBSP))
  end
  inlines:insert(pandoc.Str(kinds.label(entry.kind, entry.number)))
  if entry.sub then inlines:extend { pandoc.Space(), pandoc.Str('(' .. entry.sub .. ')') } end
  if not kinds.links then return pandoc.Span(inlines) end
  return pandoc.Link(inlines, '#' .. id, '', pandoc.Attr('', { 'quarto-xref' }))
end

--- Of citations that no bibliography knows, none is printed otherwise than it was written: @someone is a name on some
--- network, @cache a decorator.
local function others(el, citations)
  local known = pandoc.List(citations):filter(function(citation) return press.options.keys[citation.id] end)
  for _, citation in ipairs(citations) do
    local unknown = not press.options.keys[citation.id]
    if unknown and citation.id ~= '*' then
      local message = 'unknown citation @' .. citation.id .. '. Add it to the bibliography, or write \\@' .. citation.id .. ' where it is none'
      press.problem('@' .. citation.id, press.options.unknown[citation.id] or message, 'references')
    end
  end
  if #known > 0 then return pandoc.Cite(el.content, citations) end
  if #citations == #el.citations then return el.content end
  local inlines = pandoc.List()
  for index, citation in ipairs(citations) do
    if index > 1 then inlines:extend { pandoc.Str(';'), pandoc.Space() } end
    inlines:insert(pandoc.Str('@' .. citation.id))
  end
  return inlines
end

local function resolve(el)
  local inlines, rest = pandoc.List(), pandoc.List()
  for _, citation in ipairs(el.citations) do
    local id = citation.id:sub(1, 1):lower() .. citation.id:sub(2)
    local kind = press.kind(id)
    if index[id] then
      if #inlines > 0 then inlines:extend { pandoc.Str(','), pandoc.Space() } end
      inlines:insert(reference(citation, id))
      inlines:extend(citation.suffix)
    elseif kind and kinds.names[kind] and not (press.options.keys or {})[citation.id] then
      press.problem('@' .. citation.id, 'cross reference @' .. citation.id .. ': nothing on this page has that label', 'references')
      if #inlines > 0 then inlines:extend { pandoc.Str(','), pandoc.Space() } end
      inlines:insert(pandoc.Strong { pandoc.Str('?@' .. citation.id) })
    else
      rest:insert(citation)
    end
  end
  if #rest == 0 then return inlines end
  local shown = press.options.keys and others(el, rest) or pandoc.Cite(el.content, rest)
  if #inlines == 0 then return shown end
  press.problem('@' .. el.citations[1].id, 'cross references and citations cannot share one pair of brackets', 'references')
  inlines:extend { pandoc.Str(';'), pandoc.Space() }
  if shown.t == 'Cite' then inlines:insert(shown) else inlines:extend(shown) end
  return inlines
end

--- Titles of theorems and callouts that have a number.
local function number(el)
  if not el.classes:includes('press-number') then return nil end
  local id = el.attributes.of
  local kind = press.kind(id)
  return pandoc.Str(kinds.title(kind) .. NBSP .. kinds.label(kind, new_number(id, kind)))
end

local function whole(doc)
  doc = doc:walk { Inlines = equations, Span = number }
  doc = number_sections(doc)
  doc.blocks = doc.blocks:walk {
    traverse = 'topdown',
    Figure = float_figure, Table = float_table, Div = float_div, CodeBlock = float_code, Para = float_para,
  }
  return doc:walk { Cite = resolve }
end

return { { Pandoc = whole } }
