"""What a post calls to show things: figure style, rows of pictures, sliders, tables, boxes, fitting sentences.

Import the module that you need (`from postkit.style import use_style`); nothing is imported eagerly.
"""
