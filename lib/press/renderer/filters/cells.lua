-- Code cells: their captions and labels are brought into the form in which an author writes a figure by hand
-- (a Div with the label, its content, the caption last), so that one filter numbers both.
local press = dofile(pandoc.path.join { pandoc.path.directory(PANDOC_SCRIPT_FILE), 'common.lua' })

--- Markdown that code printed is parsed by itself, so that nothing in it can close a Div around it.
local function parse_markdown(el)
  if el.classes:includes('press-markdown') then return pandoc.read(el.text, press.reader).blocks end
end

local function take(blocks, class)
  local rest, taken = pandoc.List(), pandoc.List()
  for _, block in ipairs(blocks) do
    if block.t == 'Div' and block.classes:includes(class) then
      taken:insert(pandoc.utils.blocks_to_inlines(block.content))
    else
      rest:insert(block)
    end
  end
  return rest, taken
end

local function split(blocks)
  local head, shown = pandoc.List(), pandoc.List()
  for _, block in ipairs(blocks) do
    local display = block.t == 'Div' and block.classes:includes('cell-output-display')
    if display then shown:insert(block) else head:insert(block) end
  end
  return head, shown
end

local function captioned(label, blocks, caption)
  local content = pandoc.List(blocks)
  content:insert(pandoc.Div({ pandoc.Plain(caption or {}) }, pandoc.Attr('', { 'press-caption' })))
  return pandoc.Div(content, pandoc.Attr(label, { 'press-float' }))
end

local function sub_floats(label, shown, subcaptions)
  if #subcaptions == 0 then return shown end
  local floats = pandoc.List()
  for index, block in ipairs(shown) do
    local sub = captioned(label .. '-' .. index, block.content, subcaptions[index])
    floats:insert(sub)
  end
  return floats
end

local function cell(el)
  if not el.classes:includes('cell') or el.attributes['press-done'] then return nil end
  local blocks, captions = take(el.content, 'press-cap')
  local subcaptions
  blocks, subcaptions = take(blocks, 'press-subcap')
  local head, shown = split(blocks)
  local label = el.attributes['press-label'] or ''
  el.attributes['press-label'] = nil
  local kind = press.kind(label)
  local location = el.attributes['fig-cap-location'] or el.attributes['tbl-cap-location']
  el.attributes['fig-cap-location'], el.attributes['tbl-cap-location'] = nil, nil
  if #shown > 0 and (kind == 'fig' or kind == 'tbl' or #captions > 0 or #subcaptions > 0) then
    local layout = press.take_layout(el)
    local captions_each = #captions > 1 and #captions == #shown and not (kind == 'fig' or kind == 'tbl')
    if captions_each then
      for index, block in ipairs(shown) do head:insert(captioned('', { block }, captions[index])) end
    else
      local whole = captioned(label, sub_floats(label, shown, subcaptions), captions[1])
      for key, value in pairs(layout.attributes) do whole.attributes[key] = value end
      if location then whole.attributes['cap-location'] = location end
      head:insert(whole)
    end
    if label ~= '' then el.identifier = 'cell-' .. label end
  elseif press.has_layout(el) and #shown > 0 then
    head:insert(pandoc.Div(shown, press.take_layout(el)))
  else
    head = blocks
    if label ~= '' then el.identifier = label end
  end
  el.content = head
  return el
end

return { { CodeBlock = parse_markdown }, { Div = cell } }
