-- Callouts: note, tip, warning, important, caution. A collapsible one is a <details>, so it works without scripts.
local folder = pandoc.path.directory(PANDOC_SCRIPT_FILE)
local press = dofile(pandoc.path.join { folder, 'common.lua' })
local kinds = dofile(pandoc.path.join { folder, 'kinds.lua' })

local titles = { note = 'Note', tip = 'Tip', warning = 'Warning', important = 'Important', caution = 'Caution' }

for kind, title in pairs(titles) do titles[kind] = press.word('callout-' .. kind .. '-title', title) end

local function title_of(el, kind, appearance)
  local title = press.take_title(el, 'title')
  if title then return title end
  return appearance == 'default' and pandoc.Inlines { pandoc.Str(titles[kind]) } or nil
end

local labels = { note = 'nte', tip = 'tip', warning = 'wrn', important = 'imp', caution = 'cau' }

--- A title with the callout's number, where its label gives it one: "Note 1: Title".
local function numbered(el, kind, title)
  if press.kind(el.identifier) ~= labels[kind] then return title end
  local inlines = pandoc.List { pandoc.Span({}, pandoc.Attr('', { 'press-number' }, { of = el.identifier })) }
  if title and pandoc.utils.stringify(title) ~= titles[kind] then
    inlines:extend { pandoc.Str(kinds.delimiter), pandoc.Space() }
    inlines:extend(title)
  end
  return inlines
end

local function callout(el)
  local kind
  for _, class in ipairs(el.classes) do kind = kind or titles[class:match('^callout%-(.*)$') or ''] and class:match('^callout%-(.*)$') end
  if not kind then return nil end
  local appearance = el.attributes.appearance or press.options.callout_appearance or 'default'
  local icon = el.attributes.icon ~= 'false' and appearance ~= 'minimal'
  if appearance == 'minimal' then appearance = 'simple' end
  local title = numbered(el, kind, title_of(el, kind, appearance))
  local collapse = el.attributes.collapse
  local tag = collapse and title and 'details' or 'div'
  local open = collapse == 'false' and ' open' or ''
  local classes = 'callout callout-style-' .. appearance .. ' callout-' .. kind
    .. (title and ' callout-titled' or '') .. (icon and '' or ' no-icon')
  local extra = el.classes:filter(function(class) return class ~= 'callout-' .. kind end)
  if #extra > 0 then classes = classes .. ' ' .. table.concat(extra, ' ') end
  local id = el.identifier ~= '' and ' id="' .. press.escape(el.identifier) .. '"' or ''
  local label = title and '' or ' aria-label="' .. titles[kind] .. '"'
  local blocks = pandoc.List { press.html('<' .. tag .. id .. ' class="' .. press.escape(classes) .. '"' .. open
    .. (tag == 'div' and ' role="note"' .. label or '') .. '>') }
  if title then
    local inner = tag == 'details' and 'summary' or 'div'
    blocks:insert(press.html('<' .. inner .. ' class="callout-header"><span class="callout-icon" aria-hidden="true"></span>'
      .. '<span class="callout-title-container">'))
    blocks:insert(pandoc.Plain(title))
    blocks:insert(press.html('</span></' .. inner .. '>'))
  end
  blocks:insert(pandoc.Div(el.content, pandoc.Attr('', { 'callout-body-container', 'callout-body' })))
  blocks:insert(press.html('</' .. tag .. '>'))
  return blocks
end

return { { Div = callout } }
