-- TeX in the text: environments of formulas are formulas, \label, \tag and \eqref become numbers and links, other raw TeX
-- is read as LaTeX as far as Pandoc can.
local press = dofile(pandoc.path.join { pandoc.path.directory(PANDOC_SCRIPT_FILE), 'common.lua' })

local formulas, numbered = {}, {}
for name in ('align alignat flalign gather multline equation eqnarray displaymath math'):gmatch('%S+') do
  formulas[name], formulas[name .. '*'] = true, true
  numbered[name] = name ~= 'displaymath' and name ~= 'math'
end
local count = 0
local numbers = {} -- label -> what \ref prints

local function environment(text)
  local name = text:match('^%s*\\begin%s*{([^}]*)}')
  return name and formulas[name] and name or nil
end

--- Macro definitions have done their work by now: Pandoc's reader has put them into the math.
local function only_macros(text)
  for line in text:gmatch('[^\n]+') do
    if not line:match('^%s*\\%a*def%W') and not line:match('^%s*\\%a*newcommand') and not line:match('^%s*\\%a*command')
      and not line:match('^%s*\\DeclareMathOperator') and not line:match('^%s*\\let%W') and not line:match('^%s*%%') then return false end
  end
  return true
end

local function first_line(text) return text:match('[^\n]+') or '' end

--- Commands that say how a printed page looks and have nothing to show.
local layout = {}
for name in ([[newpage pagebreak clearpage cleardoublepage vspace hspace noindent indent bigskip medskip smallskip newline
  linebreak centering hfill vfill setcounter addtocounter setlength label index tableofcontents listoffigures listoftables
  maketitle appendix pagestyle thispagestyle small large Large footnotesize normalsize par usepackage input include
  raggedright allowdisplaybreaks vfil]]):gmatch('%S+') do layout[name] = true end

--- Raw text of another format: Quarto leaves it out of HTML. What can be read of TeX is shown all the same, and what may be
--- no TeX at all, such as a `\n` in a text, stays as it is written.
local function read(el)
  local line = first_line(el.text)
  local message = "raw " .. el.format .. " `" .. line .. "`: Quarto leaves it out of HTML"
  local blocks = pandoc.Blocks {}
  if el.format == 'tex' then
    local ok, doc = pcall(pandoc.read, el.text, 'latex+raw_tex')
    if ok then blocks = doc.blocks:walk { RawBlock = function() return {} end, RawInline = function() return {} end } end
    if #pandoc.utils.stringify(blocks) == 0 and not layout[el.text:match('^%s*\\(%a+)') or ''] then
      blocks = pandoc.Blocks { el.t == 'RawBlock' and pandoc.CodeBlock(el.text, pandoc.Attr('', { 'latex' })) or pandoc.Plain { pandoc.Str(el.text) } }
    end
    if #blocks > 0 then message = message .. '; it is shown as far as it can be read' end
  end
  press.problem(line, message .. '. Write it as Markdown or as math')
  return blocks
end

local function raw_block(el)
  if el.format == 'html' or el.format == 'html5' or el.format == 'markdown' then return nil end
  if el.format == 'tex' and only_macros(el.text) then return nil end
  if el.format == 'tex' and environment(el.text) then return pandoc.Para { pandoc.Math('DisplayMath', el.text) } end
  return read(el)
end

local function raw_inline(el)
  if el.format == 'html' or el.format == 'html5' or el.format == 'markdown' then return nil end
  if el.format == 'tex' and environment(el.text) then return pandoc.Math('DisplayMath', el.text) end
  if el.format == 'tex' and el.text:match('^\\%a*ref%s*{') then return nil end
  if el.format == 'tex' and (el.text:match('^\\label%s*{') or only_macros(el.text)) then return {} end
  return pandoc.utils.blocks_to_inlines(read(el))
end

--- The rows of an environment, cut where `\\` stands in no braces and no environment within.
local function rows_of(body)
  local rows, depth, at, start = {}, 0, 1, 1
  while at <= #body do
    local two, one = body:sub(at, at + 1), body:sub(at, at)
    if body:match('^\\begin%s*{', at) then depth = depth + 1
    elseif body:match('^\\end%s*{', at) then depth = depth - 1 end
    if two == '\\\\' and depth == 0 then
      table.insert(rows, body:sub(start, at - 1))
      at, start = at + 1, at + 2
    elseif one == '\\' then at = at + 1
    elseif one == '{' then depth = depth + 1
    elseif one == '}' then depth = depth - 1 end
    at = at + 1
  end
  table.insert(rows, body:sub(start))
  return rows
end

--- A row without its \label, \tag and \nonumber; its number, "" for none; its labels.
local function number_of(row, counted)
  local labels, tag = {}, nil
  row = row:gsub('\\label%s*{([^}]*)}', function(label) table.insert(labels, label) return '' end)
  row = row:gsub('\\tag(%*?)%s*(%b{})', function(star, given)
    tag = star == '*' and given:sub(2, -2) or '(' .. given:sub(2, -2) .. ')'
    return ''
  end)
  local without
  row, without = row:gsub('\\nonumber%f[%A]', ''):gsub('\\notag%f[%A]', '') , row:match('\\nonumber%f[%A]') or row:match('\\notag%f[%A]')
  if not tag and counted and not without and row:match('%S') then
    count = count + 1
    tag = '(' .. count .. ')'
  end
  for _, label in ipairs(labels) do
    if tag then numbers[label] = { text = tag, id = 'eq-' .. label:gsub('[^%w_.-]', '-') } end
  end
  return row, tag or '', labels
end

--- A display with its numbers: one alone stands at the right, those of several rows behind their rows.
local function numbered_math(el, counting)
  local before, name, body, after = el.text:match('^(%s*)\\begin%s*{([^}]*)}(.*)\\end%s*{%2}(%s*)$')
  local formula = name and formulas[name]
  local single = not formula or name:match('^equation') or name:match('^multline')
  local rows, tags, ids, last = single and { formula and body or el.text } or rows_of(body), {}, {}, nil
  for index, row in ipairs(rows) do
    local labels
    rows[index], tags[index], labels = number_of(row, counting and formula and numbered[name])
    last = tags[index] ~= '' and tags[index] or last
    for _, label in ipairs(labels) do table.insert(ids, numbers[label] and numbers[label].id) end
  end
  for index, tag in ipairs(#rows > 1 and tags or {}) do
    if tag ~= '' then rows[index] = rows[index]:gsub('%s*$', '') .. ' \\qquad \\text{' .. tag .. '}' end
  end
  el.text = table.concat(rows, '\\\\')
  if formula and not name:match('^equation') then
    el.text = before .. '\\begin{' .. name .. '}' .. el.text .. '\\end{' .. name .. '}' .. after
  end
  local content = pandoc.List { el }
  for index = 2, #ids do content:insert(1, pandoc.Span({}, pandoc.Attr(ids[index]))) end
  if #rows == 1 and last then
    content:insert(pandoc.Span({ pandoc.Str(last) }, pandoc.Attr('', { 'eq-number' })))
    return pandoc.Span(content, pandoc.Attr(ids[1] or '', { 'numbered-equation' }))
  end
  return ids[1] and pandoc.Span(content, pandoc.Attr(ids[1])) or el
end

--- As AMS numbers: all rows of numbered environments, on pages that use labels; elsewhere what has a \tag.
local function displays(counting)
  return function(inlines)
    for index, el in ipairs(inlines) do
      if el.t == 'Math' and el.mathtype == 'DisplayMath' then
        local at = index + 1
        while inlines[at] and (inlines[at].t == 'Space' or inlines[at].t == 'SoftBreak') do at = at + 1 end
        local labelled = inlines[at] and inlines[at].t == 'Str' and inlines[at].text:match('^{#eq%-') -- Quarto's own number
        local environs = counting and numbered[el.text:match('^%s*\\begin%s*{([^}]*)}') or '']
        if not labelled and (environs or el.text:match('\\label%s*{') or el.text:match('\\tag%*?%s*{')) then
          inlines[index] = numbered_math(el, counting)
        end
      end
    end
    return inlines
  end
end

local function reference(el)
  if el.format ~= 'tex' then return nil end
  local command, label = el.text:match('^\\(%a*ref)%s*{([^}]*)}')
  if not command then return nil end
  local found = numbers[label]
  if not found then
    press.problem(el.text, el.text .. ': no formula on this page has that \\label', 'references')
    return pandoc.Code(el.text)
  end
  local text = (command == 'ref') and found.text:gsub('^%((.*)%)$', '%1') or found.text
  return pandoc.Link({ pandoc.Str(text) }, '#' .. found.id, '', pandoc.Attr('', { 'quarto-xref' }))
end

--- \notag is \nonumber, which Pandoc knows. \eqref within a formula is text: MathML has no links that all browsers follow.
local function within(el)
  el.text = el.text:gsub('\\(%a*ref)%s*{([^}]*)}', function(command, label)
    local found = numbers[label]
    if not found then return nil end
    return '\\text{' .. (command == 'ref' and found.text:gsub('^%((.*)%)$', '%1') or found.text) .. '}'
  end):gsub('\\notag%f[%A]', '\\nonumber')
  return el
end

local function whole(doc)
  doc = doc:walk { RawBlock = raw_block, RawInline = raw_inline }
  local counting = false
  doc:walk { Math = function(el) counting = counting or el.text:match('\\label%s*{') ~= nil end }
  doc = doc:walk { Inlines = displays(counting) }
  return doc:walk { RawInline = reference, Math = within }
end

return { { Pandoc = whole } }
