-- Shared by the filters: report problems, build raw HTML around blocks, escape text.
local M = {}

local file = assert(io.open(os.getenv('PRESS_OPTIONS')))
M.options = pandoc.json.decode(file:read('a'), false)
file:close()

--- For Markdown in attributes and outputs: as convert.py reads pages.
M.reader = 'markdown-yaml_metadata_block-pandoc_title_block'

--- Report a problem. `needle` is text of the author's that the Python side looks up to find file and line; `check` is
--- a name of core/strictness.py.
function M.problem(needle, message, check)
  pandoc.log.warn('press\t' .. (check or 'unsupported') .. '\t' .. needle:gsub('[\t\n]', ' ') .. '\t' .. message)
end

--- What pages print, in the language of this one.
function M.word(key, english) return M.options.words and M.options.words[key] or english end

--- Words as keys.
function M.set(words)
  local found = {}
  for word in words:gmatch('%S+') do found[word] = true end
  return found
end

--- The heading that a block begins with, which is taken out of it: its title; else what its attribute says.
function M.take_title(el, attribute)
  local said = el.attributes[attribute]
  if said then
    el.attributes[attribute] = nil
    return pandoc.utils.blocks_to_inlines(pandoc.read(said, M.reader).blocks)
  end
  local first = el.content[1]
  if first and first.t == 'Header' then
    el.content:remove(1)
    return first.content
  end
end

function M.escape(text)
  return (text:gsub('[&<>"]', { ['&'] = '&amp;', ['<'] = '&lt;', ['>'] = '&gt;', ['"'] = '&quot;' }))
end

function M.html(text)
  return pandoc.RawBlock('html', text)
end

function M.kind(id)
  return id:match('^(%a+)%-.')
end

--- A paragraph that holds nothing but images: they are a row of figures, not text.
function M.images(block)
  local found = pandoc.List()
  if block.t ~= 'Para' and block.t ~= 'Plain' then return found end
  for _, inline in ipairs(block.content) do
    if inline.t == 'Image' then
      found:insert(inline)
    elseif inline.t ~= 'Space' and inline.t ~= 'SoftBreak' and inline.t ~= 'LineBreak' then
      return pandoc.List()
    end
  end
  return found
end

--- Whether any attribute asks for a layout of several cells.
function M.has_layout(el)
  return el.attributes['layout'] or el.attributes['layout-ncol'] or el.attributes['layout-nrow']
end

M.layout_keys = { 'layout', 'layout-ncol', 'layout-nrow', 'layout-valign', 'layout-align' }

--- Move the layout attributes of one element to an otherwise empty Attr.
function M.take_layout(el)
  local taken = {}
  for _, key in ipairs(M.layout_keys) do
    if el.attributes[key] then
      taken[key] = el.attributes[key]
      el.attributes[key] = nil
    end
  end
  return pandoc.Attr('', {}, taken)
end

return M
