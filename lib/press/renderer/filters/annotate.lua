-- Code annotations: `# <1>` at the end of a line, explained in the numbered list below the code. The mark in the code is one
-- character that convert.py turns into the number after Pandoc has coloured the code.
local press = dofile(pandoc.path.join { pandoc.path.directory(PANDOC_SCRIPT_FILE), 'common.lua' })

local FIRST = 0x10F100 -- plus the number; a private character that no text has a use for
local MARK = '\xF4\x8F[\x84-\x87]' -- in bytes
local COMMENT = { '#', '//', '%-%-', '%%', ';', '/%*', '<!%-%-' }

local function marked(line)
  for _, opens in ipairs(COMMENT) do
    local before, numbers = line:match('^(.-)%s*' .. opens .. '%s*(<%d[%d<>,%s]*>)%s*%*?/?%-?%-?>?%s*$')
    if before then
      local marks = ''
      for number in numbers:gmatch('%d+') do marks = marks .. utf8.char(FIRST + math.min(tonumber(number), 255)) end
      return before, marks
    end
  end
end

--- The code without its annotations, with marks in their places; nil where it has none.
local function annotated(el, show)
  local lines, any = {}, false
  for line in (el.text .. '\n'):gmatch('([^\n]*)\n') do
    local before, marks = marked(line)
    any = any or before ~= nil
    table.insert(lines, before and before .. (show and '  ' .. marks or '') or line)
  end
  if not any then return nil end
  el.text = table.concat(lines, '\n')
  return el
end

local function explained(list)
  local start = list.listAttributes and list.listAttributes.start or 1
  local blocks = pandoc.List { press.html('<dl class="code-annotation-list">') }
  for index, item in ipairs(list.content) do
    blocks:insert(press.html('<dt>' .. (start + index - 1) .. '</dt><dd>'))
    blocks:extend(item)
    blocks:insert(press.html('</dd>'))
  end
  blocks:insert(press.html('</dl>'))
  return blocks
end

local function visit(blocks)
  local style = tostring(press.options.code_annotations)
  if style == 'false' then return nil end
  local done, any = pandoc.List(), false
  for index, block in ipairs(blocks) do
    local found
    if block.t == 'CodeBlock' and not block.classes:includes('press-out') and not block.classes:includes('press-markdown') then
      found = annotated(block, style ~= 'none')
      block = found or block
    elseif block.t == 'Div' and block.classes:includes('cell') then
      for _, inner in ipairs(block.content) do -- which has been visited before
        found = found or inner.t == 'CodeBlock' and inner.text:find(MARK) ~= nil
      end
    end
    if block.t == 'OrderedList' and any and style ~= 'none' then done:extend(explained(block)) else done:insert(block) end
    any = found and true or false
  end
  return done
end

return { { Blocks = visit } }
