"""The formats that are read.

A format is a module with a function ``read`` that goes through a file's header and gives a
:class:`~colorize_service.imaging.formats.source.Source`, and a line each in ``picture_kinds``, in ``imaging.headers``
(how it is told) and in ``imaging.photo`` (the function).
"""
