-- What Quarto gives a meaning to and this renderer does not: refused by name, never dropped or shown half.
local press = dofile(pandoc.path.join { pandoc.path.directory(PANDOC_SCRIPT_FILE), 'common.lua' })

local refused = press.set 'embed-hidden quarto-embed-nb-cell hero-banner'
local refused_prefix = { 'callout%-', 'quarto%-', 'sourceCode%-' }
local known = press.set 'callout-note callout-tip callout-warning callout-important callout-caution'

local function check(el)
  for _, class in ipairs(el.classes) do
    local bad = refused[class]
    for _, prefix in ipairs(refused_prefix) do
      bad = bad or (class:match('^' .. prefix) and not known[class])
    end
    if bad then
      press.problem(class, "class '" .. class .. "' has a meaning in Quarto that the embedded renderer does not support; it is shown plainly")
    end
  end
end

return {
  {
    Div = check, Span = check, Header = check, Image = check, Link = check, Figure = check, Table = check,
    CodeBlock = check, Code = check,
  },
}
