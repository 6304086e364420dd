-- Our filters up to citeproc, one after the other. In one file, because Pandoc makes a state of Lua for each and hands the
-- whole document over.
local folder = pandoc.path.directory(PANDOC_SCRIPT_FILE)
local press = dofile(pandoc.path.join { folder, 'common.lua' })

local all = pandoc.List()
for _, name in ipairs(press.options.filters) do
  if name == 'citeproc' then break end
  all:extend(dofile(pandoc.path.join { folder, name .. '.lua' }))
end
return all
