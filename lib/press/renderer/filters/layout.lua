-- layout-ncol, layout-nrow and layout="[[1,2],[1]]": rows of cells with relative widths.
local press = dofile(pandoc.path.join { pandoc.path.directory(PANDOC_SCRIPT_FILE), 'common.lua' })

local function items_of(blocks)
  local items = pandoc.List()
  for _, block in ipairs(blocks) do
    local images = press.images(block)
    if #images > 1 then
      for _, image in ipairs(images) do items:insert(pandoc.Plain { image }) end
    else
      items:insert(block)
    end
  end
  return items
end

--- The widths of each row; a negative width is an empty place.
local function shape(el, count)
  if el.attributes.layout then
    local ok, rows = pcall(pandoc.json.decode, el.attributes.layout, false)
    if not ok or type(rows) ~= 'table' or #rows == 0 then
      press.problem('layout=', 'layout must be a list of numbers or of rows, such as [[1,1],[1]]')
      return { { 1 } }
    end
    if type(rows[1]) ~= 'table' then rows = { rows } end
    return rows
  end
  local columns = tonumber(el.attributes['layout-ncol'] or '')
  local wanted = tonumber(el.attributes['layout-nrow'] or '')
  if not columns and wanted and wanted > 0 then columns = math.ceil(count / wanted) end
  if not columns or columns < 1 then
    press.problem('layout-n', 'layout-ncol and layout-nrow must be whole numbers from 1 up')
    columns = 1
  end
  local row = {}
  for _ = 1, columns do table.insert(row, 1) end
  return { row }
end

local function template(row)
  local parts = {}
  for _, width in ipairs(row) do
    if type(width) == 'string' and width:match('^%d[%d.]*%%$') then
      table.insert(parts, 'minmax(0,' .. width:gsub('%%', '') .. 'fr)')
    elseif type(width) == 'number' then
      table.insert(parts, string.format('minmax(0,%gfr)', math.abs(width)))
    else
      press.problem('layout', 'layout widths must be numbers')
    end
  end
  return table.concat(parts, ' ')
end

local positions = { top = 'start', bottom = 'end', center = 'center', left = 'start', right = 'end' }

--- The style of a row beside its columns.
local function aligned(el)
  local style = ''
  for key, property in pairs { ['layout-valign'] = 'align-items', ['layout-align'] = 'justify-items' } do
    local value = positions[el.attributes[key] or '']
    el.attributes[key] = nil
    if value then style = style .. ';' .. property .. ':' .. value end
  end
  return style
end

local function layout(el)
  if not press.has_layout(el) then return nil end
  local style = aligned(el)
  local items = items_of(el.content)
  local rows = shape(el, #items)
  local panel, at, row_number = pandoc.List(), 1, 1
  while at <= #items do
    local row = rows[math.min(row_number, #rows)]
    panel:insert(press.html('<div class="quarto-layout-row" style="grid-template-columns:' .. template(row) .. style .. '">'))
    local taken = 0
    for _, width in ipairs(row) do
      if type(width) == 'number' and width < 0 then
        panel:insert(press.html('<div class="quarto-layout-cell quarto-layout-spacer"></div>'))
      elseif items[at] then
        panel:insert(pandoc.Div({ items[at] }, pandoc.Attr('', { 'quarto-layout-cell' })))
        at, taken = at + 1, taken + 1
      end
    end
    panel:insert(press.html('</div>'))
    row_number = row_number + 1
    if taken == 0 then break end
  end
  press.take_layout(el)
  el.content = panel
  el.classes:insert('quarto-layout-panel')
  return el
end

return { { Div = layout } }
