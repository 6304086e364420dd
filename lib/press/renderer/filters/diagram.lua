-- Diagrams: their source, which a script of the site draws where it can.
local press = dofile(pandoc.path.join { pandoc.path.directory(PANDOC_SCRIPT_FILE), 'common.lua' })

local function diagram(el)
  if not el.classes:includes('press-diagram') then return nil end
  local language = el.classes[1]
  return press.html('<div class="diagram" data-diagram="' .. press.escape(language) .. '"><pre class="diagram-source"><code>'
    .. press.escape(el.text) .. '</code></pre></div>')
end

return { { CodeBlock = diagram } }
