"""XMP (ISO 16684-1): what a result keeps of its photo's packet, and what it says of itself.

A packet is parsed from its first element on. No document type can follow that (XML 1.0, 2.8), and so no entities.
"""

import re
from collections.abc import Callable, Iterator
from html import escape
from typing import TYPE_CHECKING

from colorize_service.imaging.metadata.places import is_coordinate, is_place

if TYPE_CHECKING:
    from xml.dom.minidom import Document, Element, Node

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XMLNS = "http://www.w3.org/2000/xmlns/"
_XMP = "http://ns.adobe.com/xap/1.0/"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
#: "Edited using Generative AI", the term that IPTC's guidance has for a real photo with parts that a model has made.
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"

# Not kept: what tells how another program has to develop the file, what identifies it, what is appended to it.
_FOREIGN = re.compile(
    r"http://ns\.adobe\.com/(camera-raw-.*|xap/1\.0/mm/|xmp/note/|hdr-gain-map/.*)"
    r"|http://ns\.google\.com/photos/(1\.0/(?!panorama).*|dd/.*)|http://ns\.apple\.com/(HDRGainMap|pixeldatainfo)/.*"
)
# Of other namespaces, what speaks of the old file's pixels and of the program that made it.
_OLD = {
    _XMP: {"CreatorTool", "Thumbnails", "PageInfo"},
    _IPTC: {"DigitalSourceType", "DigitalSourcefileType"},
    "http://purl.org/dc/elements/1.1/": {"format"},
    "http://ns.adobe.com/photoshop/1.0/": {
        *("ICCProfile", "ColorMode", "History", "DocumentAncestors", "TextLayers", "LegacyIPTCDigest"),
        *("SidecarForExtension", "EmbeddedXMPDigest"),
    },
    "http://ns.adobe.com/exif/1.0/": {
        *("ColorSpace", "PixelXDimension", "PixelYDimension", "ComponentsConfiguration", "CompressedBitsPerPixel"),
        *("NativeDigest", "MakerNote", "SubjectArea", "SubjectLocation", "CFAPattern", "Gamma"),
    },
}
# Of TIFF's tags only these are not about pixels.
_TIFF = "http://ns.adobe.com/tiff/1.0/"
_TIFF_KEPT = {"Make", "Model", "ImageDescription", "Artist", "Copyright", "DateTime"}
# Faces and other regions, whose place is told in the picture as it was stored.
_REGIONS = {"http://www.metadataworkinggroup.com/schemas/regions/", "http://ns.microsoft.com/photo/1.2/"}

#: Tags and attributes of a packet: a tree of them takes a kilobyte for each.
MAX_TAGS = 20_000

# The start of an element; in names there are letters of any alphabet (XML 1.0, 2.3).
_ELEMENT = re.compile(r"<[^\W\d]|<:")

_HEAD, _TAIL = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>', '<?xpacket end="w"?>'
_META = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}">%s</rdf:RDF></x:xmpmeta>'
_ABOUT_RESULT = (
    f'<rdf:Description rdf:about="%s" xmlns:rdf="{_RDF}" xmlns:xmp="{_XMP}" xmlns:Iptc4xmpExt="{_IPTC}">'
    f"<xmp:CreatorTool>%s</xmp:CreatorTool>"
    f"<Iptc4xmpExt:DigitalSourceType>{SOURCE_TYPE}</Iptc4xmpExt:DigitalSourceType></rdf:Description>"
)


def packet(made_by: str, source: bytes = b"", more: bytes = b"", *, turned: bool = False, place: bool = True) -> bytes:
    """A result's packet.

    Args:
        made_by: the program and its version.
        source: the photo's packet.
        more: a second one, of what had no room in the first.
        turned: whether the result's pixels lie another way than the photo's.
        place: whether to keep coordinates.

    Raises:
        Exception: of any kind, if ``source`` is not sound.
    """
    meta = _META % (_ABOUT_RESULT % ("", escape(made_by)))
    if source:
        document = _parsed(source)
        rdf = _rdf(document)
        if more:
            _add(document, rdf, _rdf(_parsed(more)))
        about = _clean(rdf, turned, place)
        own = _parsed((_ABOUT_RESULT % (escape(about), escape(made_by))).encode()).documentElement
        assert own is not None and document.documentElement is not None
        rdf.appendChild(document.importNode(own, True))
        meta = document.documentElement.toxml()
    return "\n".join([_HEAD, meta, _TAIL]).encode()


def _parsed(source: bytes) -> "Document":
    from xml.dom import minidom  # here, since few photos need it

    if max(source.count(b"<"), source.count(b"=")) > MAX_TAGS:
        raise ValueError("more than anybody wrote")
    encoding = "utf-16" if source[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = source.decode(encoding).strip("\0 \r\n\t")
    start = _ELEMENT.search(text)
    if not start:
        raise ValueError("there is no element")
    return minidom.parseString(text[start.start() :].encode())


def _rdf(document: "Document") -> "Element":
    return document.getElementsByTagNameNS(_RDF, "RDF")[0]


def _add(document: "Document", rdf: "Element", other: "Element") -> None:
    """Add another packet's descriptions, with the names that are declared around them."""
    for description in _elements(other):
        added, around = document.importNode(description, True), description.parentNode
        while around is not None and around.nodeType == around.ELEMENT_NODE:
            for attribute in around.attributes.values():
                if attribute.namespaceURI == _XMLNS and not added.hasAttribute(attribute.name):
                    added.setAttributeNS(_XMLNS, attribute.name, attribute.value)
            around = around.parentNode
        rdf.appendChild(added)


def _clean(rdf: "Element", turned: bool, place: bool) -> str:
    """Take out what is not kept, in place. Returns what the packet calls its picture."""
    about = ""
    for description in _elements(rdf):
        about = about or description.getAttributeNS(_RDF, "about")
        _remove(description, lambda uri, name: _is_old(uri, name, turned))
    if not place:
        for each in [rdf, *rdf.getElementsByTagName("*")]:
            _remove(each, lambda uri, name: is_place(name, uri))
            each.childNodes[:] = [child for child in each.childNodes if not is_coordinate(_text(child))]
    _leave_alone(rdf)
    return about


def _leave_alone(rdf: "Element") -> None:
    """Take out what stands around ``rdf``, but for the names that are declared there."""
    inner, outer = rdf, rdf.parentNode
    while outer is not None and outer.nodeType == outer.ELEMENT_NODE:
        outer.childNodes[:] = [inner]
        for attribute in list(outer.attributes.values()):
            if attribute.namespaceURI != _XMLNS:
                outer.removeAttributeNode(attribute)
        inner, outer = outer, outer.parentNode


def _is_old(uri: str, name: str, turned: bool) -> bool:
    if uri == _TIFF:
        return name not in _TIFF_KEPT
    if turned and (uri in _REGIONS or name == "ImageRegion"):
        return True
    return bool(_FOREIGN.match(uri)) or name in _OLD.get(uri, ())


def _remove(element: "Element", unwanted: Callable[[str, str], bool]) -> None:
    """Remove those attributes and elements in ``element`` whose namespace and name are unwanted, and comments."""
    texts = element.TEXT_NODE, element.CDATA_SECTION_NODE
    element.childNodes[:] = [  # all at once, for there may be many
        child
        for child in element.childNodes
        if child.nodeType in texts
        or (child.nodeType == child.ELEMENT_NODE and not unwanted(child.namespaceURI or "", child.localName or ""))
    ]
    for attribute in list(element.attributes.values()):
        uri = attribute.namespaceURI or ""
        if uri not in (_XMLNS, _RDF) and unwanted(uri, attribute.localName or ""):
            element.removeAttributeNode(attribute)


def _text(node: "Node") -> str:
    """What stands in an element that has nothing but a text in it."""
    inner = node.childNodes
    return "".join(each.data for each in inner if each.nodeType == each.TEXT_NODE) if len(inner) <= 3 else ""


def _elements(parent: "Element") -> Iterator["Element"]:
    for node in parent.childNodes:
        if node.nodeType == node.ELEMENT_NODE:
            yield node
