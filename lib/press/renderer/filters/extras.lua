-- Small things that are said in attributes: widths of columns, line numbers, nothing for formats other than HTML.
local press = dofile(pandoc.path.join { pandoc.path.directory(PANDOC_SCRIPT_FILE), 'common.lua' })

--- These speak of printed pages and slides; Quarto's HTML takes no notice either.
local elsewhere = press.set 'fig-env fig-pos fig-scap data-id tbl-env tbl-pos'

local function drop(el)
  for key in pairs(el.attributes) do
    if elsewhere[key] then el.attributes[key] = nil end
  end
  return el
end

local function widths(text)
  local found, total = {}, 0
  for number in tostring(text):gmatch('[%d.]+') do
    table.insert(found, tonumber(number) or 0)
    total = total + found[#found]
  end
  return found, total
end

local function columns(el)
  local given = el.attributes['tbl-colwidths']
  el.attributes['tbl-colwidths'] = nil
  local found, total = widths(given or '')
  if #found == #el.colspecs and total > 0 then
    for index, spec in ipairs(el.colspecs) do el.colspecs[index] = { spec[1], found[index] / total } end
  elseif given and given ~= 'auto' and given ~= 'false' then
    press.problem('tbl-colwidths', 'tbl-colwidths: ' .. given .. ' must have a number for each of ' .. #el.colspecs .. ' columns')
  end
  return drop(el)
end

local function numbered(el)
  local wanted = el.attributes['code-line-numbers']
  el.attributes['code-line-numbers'] = nil
  local code = el.classes[1] and not el.classes[1]:match('^press%-') and el.classes[1]
  if wanted == nil and press.options.code_line_numbers and code then wanted = 'true' end
  if el.classes:includes('number-lines') or (wanted and wanted ~= 'false') then
    if not el.classes:includes('numberLines') then el.classes:insert('numberLines') end
  end
  return drop(el)
end

return { { Div = drop, Span = drop, Header = drop, Image = drop, Link = drop, Figure = drop, Table = columns, CodeBlock = numbered } }
