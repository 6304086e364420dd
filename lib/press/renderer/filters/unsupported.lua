-- What Quarto gives a meaning to and this renderer does not: refused by name, never dropped or shown half.
local press = dofile(pandoc.path.join { pandoc.path.directory(PANDOC_SCRIPT_FILE), 'common.lua' })

local function set(words)
  local found = {}
  for word in words:gmatch('%S+') do found[word] = true end
  return found
end

local refused = set [[
  panel-input panel-sidebar panel-fill panel-center content-visible content-hidden landscape proof solution remark
  incremental nonincremental notes r-stack r-stretch r-fit-text fragment absolute lightbox grid when-profile
  column-screen column-screen-left column-screen-right column-screen-inset column-screen-inset-left
  column-screen-inset-right column-screen-inset-shaded column-page-left column-page-right column-page-inset-left
  column-page-inset-right column-body-outset-left column-body-outset-right column-leftmargin column-container
  column-sidebar embed-hidden code-line-numbers numberLines number-lines quarto-embed-nb-cell hero-banner
]]
local refused_prefix = { 'g%-col%-', 'g%-start%-', 'callout%-', 'fig%-column%-', 'tbl%-column%-', 'quarto%-', 'sourceCode%-' }
local known = set [[callout-note callout-tip callout-warning callout-important callout-caution]]
local refused_kind = set [[thm lem cor prp cnj def exm exr sol rem alg nte tip wrn imp cau dia vid suppl]]
local refused_attribute = set [[
  code-line-numbers startFrom lightbox group-title fig-scap fig-env fig-pos code-annotations when-format unless-format
  layout-align layout-valign fig-link when-meta unless-meta when-profile unless-profile data-id tbl-colwidths
]]

local function check(el)
  for _, class in ipairs(el.classes) do
    local bad = refused[class]
    for _, prefix in ipairs(refused_prefix) do
      bad = bad or (class:match('^' .. prefix) and not known[class])
    end
    if bad or class:match('^{') then
      press.problem(class, "class '" .. class .. "' has a meaning in Quarto that the embedded renderer does not support")
    end
  end
  for key, _ in pairs(el.attributes) do
    if refused_attribute[key] then
      press.problem(key, "attribute '" .. key .. "' is not supported by the embedded renderer")
    end
  end
  local kind = press.kind(el.identifier)
  if kind and refused_kind[kind] and el.t == 'Div' then
    press.problem('#' .. el.identifier, "'#" .. el.identifier .. "': theorem-like and callout cross references are not supported")
  end
end

--- Macro definitions have done their work by now: Pandoc's reader has put them into the math.
local function only_macros(text)
  for line in text:gmatch('[^\n]+') do
    if not line:match('^%s*\\%a*def%W') and not line:match('^%s*\\%a*newcommand') and not line:match('^%s*\\%a*command')
      and not line:match('^%s*\\DeclareMathOperator') and not line:match('^%s*\\let%W') then return false end
  end
  return true
end

local function check_raw(el)
  if el.format == 'tex' and el.t == 'RawBlock' and only_macros(el.text) then return nil end
  if el.format ~= 'html' and el.format ~= 'html5' then
    press.problem(el.text:match('[^\n]+') or '', "raw " .. el.format .. " `" .. (el.text:match('[^\n]+') or '')
      .. "` would be left out of HTML. Write it as Markdown or as math")
  end
end

return {
  {
    Div = check, Span = check, Header = check, Image = check, Link = check, Figure = check, Table = check,
    CodeBlock = check, Code = check, RawBlock = check_raw, RawInline = check_raw,
  },
}
