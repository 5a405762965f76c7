"""The live page: static files, their builder, and a server for this computer."""
