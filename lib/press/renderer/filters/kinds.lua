-- What can be numbered and referred to, and in which words: Quarto's kinds, over them what `crossref:` says.
local press = dofile(pandoc.path.join { pandoc.path.directory(PANDOC_SCRIPT_FILE), 'common.lua' })

local M = {}
local settings = type(press.options.crossref) == 'table' and press.options.crossref or {}

M.names = {
  fig = 'Figure', tbl = 'Table', lst = 'Listing', eq = 'Equation', sec = 'Section',
  thm = 'Theorem', lem = 'Lemma', cor = 'Corollary', prp = 'Proposition', cnj = 'Conjecture', def = 'Definition',
  exm = 'Example', exr = 'Exercise', sol = 'Solution', rem = 'Remark', alg = 'Algorithm',
  nte = 'Note', tip = 'Tip', wrn = 'Warning', imp = 'Important', cau = 'Caution',
  dia = 'Diagram', vid = 'Video',
}
for kind in pairs(M.names) do
  M.names[kind] = press.word('crossref-' .. kind .. '-title', press.word('crossref-' .. kind .. '-prefix', M.names[kind]))
end
for kind, callout in pairs { nte = 'note', tip = 'tip', wrn = 'warning', imp = 'important', cau = 'caution' } do
  M.names[kind] = press.word('callout-' .. callout .. '-title', M.names[kind])
end
for kind, class in pairs { sol = 'solution', rem = 'remark' } do
  M.names[kind] = press.word('environment-' .. class .. '-title', M.names[kind])
end
M.floats = { fig = true, tbl = true, lst = true, dia = true, vid = true }
M.theorems = {
  thm = 'theorem', lem = 'lemma', cor = 'corollary', prp = 'proposition', cnj = 'conjecture', def = 'definition',
  exm = 'example', exr = 'exercise', alg = 'algorithm', sol = 'solution', rem = 'remark',
}

local prefixes, top = {}, {}
for _, custom in ipairs(type(settings.custom) == 'table' and settings.custom or {}) do
  local key = type(custom) == 'table' and type(custom.key) == 'string' and custom.key
  if key then
    M.floats[key] = true
    M.names[key] = custom['caption-prefix'] or custom['reference-prefix'] or key
    prefixes[key] = custom['reference-prefix']
    top[key] = custom['caption-location'] == 'top'
  end
end

local function said(kind, part)
  local value = settings[kind .. '-' .. part]
  return type(value) == 'string' and value or nil
end

--- What captions and titles begin with.
function M.title(kind) return said(kind, 'title') or M.names[kind] end

--- What references begin with; @Fig-x wants a capital.
function M.prefix(kind, capital)
  local prefix = said(kind, 'prefix') or prefixes[kind] or M.names[kind]
  return capital and prefix:gsub('^%l', string.upper) or prefix
end

--- What stands between the number and the caption.
M.delimiter = type(settings['title-delim']) == 'string' and settings['title-delim'] or ':'
M.links = settings['ref-hyperlink'] ~= false

function M.caption_above(kind) return kind == 'tbl' or kind == 'lst' or top[kind] or false end

local function letters(number, first)
  local text = ''
  while number > 0 do
    number = number - 1
    text = string.char(first + number % 26) .. text
    number = number // 26
  end
  return text
end

--- A number as `fig-labels: alpha A` and the like want it.
function M.label(kind, number)
  local style = said(kind, 'labels') or 'arabic'
  if type(number) ~= 'number' then return tostring(number) end
  if style:match('^alpha') then return letters(number, style:match('A') and 65 or 97) end
  if style:match('^roman') then
    local roman = pandoc.utils.to_roman_numeral(number)
    return style:match('I') and roman or roman:lower()
  end
  return tostring(number)
end

return M
