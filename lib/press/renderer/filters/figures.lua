-- The parts of figures: images with their classes and alternative text, captions, the element around them.
local folder = pandoc.path.directory(PANDOC_SCRIPT_FILE)
local press = dofile(pandoc.path.join { folder, 'common.lua' })
local kinds = dofile(pandoc.path.join { folder, 'kinds.lua' })

local M = {}

local function align_of(image)
  local align = image.attributes['fig-align']
  image.attributes['fig-align'] = nil
  return align
end

--- Classes and alternative text of an image in a figure; returns its alignment.
function M.dress(image, alt_text)
  image.classes = image.classes:filter(function(class) return class ~= 'press-image' end)
  image.classes:extend { 'img-fluid', 'figure-img' }
  local alt = image.attributes['fig-alt']
  if alt then
    image.attributes['fig-alt'] = nil
    image.caption = { pandoc.Str(alt) }
  end
  if alt_text and #image.caption == 0 then image.caption = { pandoc.Str(alt_text) } end
  image.attributes['loading'] = 'lazy'
  return align_of(image)
end

local function caption_block(class, inlines, id)
  local attribute = id ~= '' and ' id="' .. press.escape(id) .. '-caption"' or ''
  return pandoc.List {
    press.html('<figcaption class="' .. class .. '"' .. attribute .. '>'), pandoc.Plain(inlines), press.html('</figcaption>'),
  }
end

--- The figure element: content, and the caption above (tables, listings) or below it.
function M.figure(kind, id, content, caption, options)
  local top = options.location and options.location == 'top' or (not options.location and kinds.caption_above(kind))
  local float = options.sub and 'quarto-subfloat' or 'quarto-float'
  local blocks = pandoc.List { press.html('<figure class="' .. (options.numbered and float .. ' ' .. float .. '-' .. kind .. ' ' or '') .. 'figure">') }
  local class = float .. '-caption-' .. (top and 'top' or 'bottom') .. ' ' .. float .. '-caption ' .. float .. '-' .. kind
  local described = #caption > 0 and caption_block(options.numbered and class or 'figure-caption', caption, id) or pandoc.List()
  if top then blocks:extend(described) end
  blocks:extend(content)
  if not top then blocks:extend(described) end
  blocks:insert(press.html('</figure>'))
  local align = options.align or (kind == 'tbl' and 'left') or (kind == 'lst' and 'left') or 'center'
  local classes = { options.numbered and 'quarto-float' or 'quarto-figure', 'quarto-figure', 'quarto-figure-' .. align }
  if options.classes then for _, name in ipairs(options.classes) do table.insert(classes, name) end end
  return pandoc.Div(blocks, pandoc.Attr(id, classes))
end

--- The caption of a Div float: the Div that cells.lua made, or the last paragraph.
function M.take_caption(blocks)
  local last = blocks[#blocks]
  if last and last.t == 'Div' and last.classes:includes('press-caption') then
    blocks:remove(#blocks)
    return pandoc.utils.blocks_to_inlines(last.content)
  end
  if last and last.t == 'Para' and #blocks > 1 and #press.images(last) == 0 then
    blocks:remove(#blocks)
    return last.content
  end
  return pandoc.List()
end

--- Images standing alone become figures, so that each can carry its label and caption.
function M.spread_images(blocks)
  local spread = pandoc.List()
  for _, block in ipairs(blocks) do
    local images = press.images(block)
    if #images > 0 then
      for _, image in ipairs(images) do
        local id = image.identifier
        image.identifier = ''
        spread:insert(pandoc.Figure({ pandoc.Plain { image } }, { long = #image.caption > 0 and { pandoc.Plain(image.caption) } or {} }, pandoc.Attr(id)))
      end
    else
      spread:insert(block)
    end
  end
  return spread
end

function M.dress_all(blocks, caption)
  local align
  local alt = caption and #caption > 0 and pandoc.utils.stringify(caption) or nil
  local done = pandoc.Blocks(blocks):walk { Image = function(image) align = M.dress(image, alt) or align; return image end }
  return done, align
end

return M
