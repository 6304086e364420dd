-- Tabsets: without scripts every tab is shown under its title; site.js turns them into tabs.
local press = dofile(pandoc.path.join { pandoc.path.directory(PANDOC_SCRIPT_FILE), 'common.lua' })

local count = 0

local function tabs_of(el)
  local before, tabs, level = pandoc.List(), pandoc.List(), nil
  for _, block in ipairs(el.content) do
    if block.t == 'Header' and (not level or block.level == level) then
      level = block.level
      tabs:insert { title = block.content, id = block.identifier, blocks = pandoc.List() }
    elseif #tabs == 0 then
      before:insert(block)
    else
      tabs[#tabs].blocks:insert(block)
    end
  end
  return before, tabs
end

local function tabset(el)
  if not el.classes:includes('panel-tabset') then return nil end
  count = count + 1
  local blocks, tabs = tabs_of(el)
  if #tabs == 0 then
    press.problem('panel-tabset', 'a panel-tabset needs a heading for each tab')
    return nil
  end
  blocks:insert(press.html('<ul class="nav nav-tabs" role="tablist" hidden>'))
  for index, tab in ipairs(tabs) do
    local id = 'tabset-' .. count .. '-' .. index
    local first = index == 1
    blocks:insert(press.html('<li class="nav-item" role="presentation"><button type="button" class="nav-link'
      .. (first and ' active' or '') .. '" id="' .. id .. '-tab" role="tab" aria-controls="' .. id
      .. '" aria-selected="' .. tostring(first) .. '"' .. (first and '' or ' tabindex="-1"') .. '>'))
    blocks:insert(pandoc.Plain(tab.title))
    blocks:insert(press.html('</button></li>'))
  end
  blocks:insert(press.html('</ul><div class="tab-content">'))
  for index, tab in ipairs(tabs) do
    local id = 'tabset-' .. count .. '-' .. index
    blocks:insert(press.html('<div id="' .. id .. '" class="tab-pane' .. (index == 1 and ' active' or '')
      .. '" role="tabpanel" aria-labelledby="' .. id .. '-tab"><p class="tab-title">'))
    blocks:insert(pandoc.Plain(tab.title))
    blocks:insert(press.html('</p>'))
    blocks:extend(tab.blocks)
    blocks:insert(press.html('</div>'))
  end
  blocks:insert(press.html('</div>'))
  el.content = blocks
  return el
end

return { { Div = tabset } }
