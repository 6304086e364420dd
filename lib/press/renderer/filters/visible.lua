-- content-visible and content-hidden: what is meant for another format, profile or page is left out, as Quarto does.
local press = dofile(pandoc.path.join { pandoc.path.directory(PANDOC_SCRIPT_FILE), 'common.lua' })

local formats = { html = true, html4 = true, html5 = true, ['html:js'] = true, website = true }

local function is_format(name) return formats[name:lower()] or false end

local function is_profile(name)
  for _, profile in ipairs(press.options.profiles or {}) do
    if profile == name then return true end
  end
  return false
end

local function is_set(name) return (press.options.truths or {})[name] or false end

local questions = { format = is_format, profile = is_profile, meta = is_set }

--- Whether the conditions hold, each of which may name several values; true where there is none.
local function holds(el)
  local all = true
  for part, question in pairs(questions) do
    for _, word in ipairs { 'when', 'unless' } do
      local value = el.attributes[word .. '-' .. part]
      if value then
        el.attributes[word .. '-' .. part] = nil
        local any = false
        for name in value:gmatch('[^%s,]+') do any = any or question(name) end
        all = all and any == (word == 'when')
      end
    end
  end
  return all
end

local function choose(el)
  local visible, hidden = el.classes:includes('content-visible'), el.classes:includes('content-hidden')
  if not visible and not hidden then return nil end
  local shown = holds(el) == visible
  el.classes = el.classes:filter(function(class) return class ~= 'content-visible' and class ~= 'content-hidden' end)
  return shown and el or {}
end

return { { Div = choose, Span = choose, CodeBlock = choose, Code = choose, Image = choose, Link = choose } }
