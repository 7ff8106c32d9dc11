"""What CVAT for images is called and what it takes."""

from annotator.exchange.format_spec import FormatSpec, Sentence

SPECS = (
    FormatSpec(
        name="cvat",
        title="CVAT",
        words=Sentence(
            en="One XML (CVAT for images 1.1) with masks or polygons and their attributes.",
            ko="마스크나 다각형과 속성을 담은 XML 하나 (CVAT 이미지 1.1).",
            zh_hant="一個 XML（CVAT 影像 1.1），含遮罩或多邊形及其屬性。",
        ),
        rank=80,
        container="zip",
        holds=frozenset({"labels", "attributes", "stacking order", "masks without a label", "overlaps"}),
        options=frozenset({"segmentation", "tolerance_px"}),
        writer="annotator.exchange.formats.cvat.write.CvatWriter",
        reader="annotator.exchange.formats.cvat.read.CvatReader",
    ),
)
