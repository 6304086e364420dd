-- Theorems and their relatives, numbered where they have a label; proofs, remarks and solutions without one are not.
local folder = pandoc.path.directory(PANDOC_SCRIPT_FILE)
local press = dofile(pandoc.path.join { folder, 'common.lua' })
local kinds = dofile(pandoc.path.join { folder, 'kinds.lua' })

local unnumbered = { proof = 'Proof', remark = 'Remark', solution = 'Solution' }

for name, word in pairs(unnumbered) do unnumbered[name] = press.word('environment-' .. name .. '-title', word) end

local function theorem(el)
  local kind = press.kind(el.identifier)
  local class = kind and kinds.theorems[kind]
  local word
  for _, name in ipairs(el.classes) do word = word or unnumbered[name] and name end
  if not class and not word then return nil end
  local name = press.take_title(el, 'name')
  local head
  if class then
    head = pandoc.List { pandoc.Span({}, pandoc.Attr('', { 'press-number' }, { of = el.identifier })) }
  else
    head = pandoc.List { pandoc.Str(unnumbered[word]) }
  end
  if name and #name > 0 then
    head:extend { pandoc.Space(), pandoc.Str('(') }
    head:extend(name)
    head:insert(pandoc.Str(')'))
  end
  local quiet = not class or kind == 'sol' or kind == 'rem'
  if quiet then head:insert(pandoc.Str('.')) end
  local title = pandoc.Span({ quiet and pandoc.Emph(head) or pandoc.Strong(head) }, pandoc.Attr('', { quiet and 'proof-title' or 'theorem-title' }))
  local first = el.content[1]
  if first and (first.t == 'Para' or first.t == 'Plain') then
    first.content:insert(1, pandoc.Space())
    first.content:insert(1, title)
  else
    el.content:insert(1, pandoc.Para { title })
  end
  for _, given in ipairs { quiet and 'proof' or 'theorem', class } do
    if not el.classes:includes(given) then el.classes:insert(given) end
  end
  return el
end

return { { Div = theorem } }
