-- `{{< contents id >}}`: what carries this label is moved to where the shortcode stands.
local press = dofile(pandoc.path.join { pandoc.path.directory(PANDOC_SCRIPT_FILE), 'common.lua' })

local function wanted(block)
  if block.t ~= 'Para' and block.t ~= 'Plain' then return nil end
  local only = #block.content == 1 and block.content[1]
  return only and only.t == 'Span' and only.classes:includes('press-contents') and only.attributes.of or nil
end

local function whole(doc)
  local asked, found = {}, {}
  doc:walk { Block = function(block)
    local id = wanted(block)
    if id then asked[id] = true end
  end }
  if next(asked) == nil then return nil end
  local function take(block)
    local id = block.identifier or ''
    local label = block.attributes and block.attributes['press-label'] or ''
    for _, name in ipairs { id, label } do
      if asked[name] and not found[name] then
        found[name] = block
        return {}
      end
    end
  end
  doc = doc:walk { Div = take, CodeBlock = take, Table = take, Figure = take }
  return doc:walk {
    Block = function(block)
      local id = wanted(block)
      if not id then return nil end
      if found[id] then return found[id] end
      press.problem('contents ' .. id, 'contents ' .. id .. ': nothing on this page has that label', 'references')
      return {}
    end,
  }
end

return { { Pandoc = whole } }
