"""What is wrong with the sources and with the finished site, whichever renderer made it."""
