"""What Pascal VOC is called and what it takes."""

from annotator.exchange.format_spec import FormatSpec, Sentence

SPECS = (
    FormatSpec(
        name="voc",
        title="Pascal VOC",
        words=Sentence(
            en="Boxes in XML, and two pictures an image: labels and single objects.",
            ko="XML로 된 상자와, 사진마다 레이블 그림과 개체 그림 두 장.",
            zh_hant="XML 方框，外加每張相片兩張圖：標籤圖與物件圖。",
        ),
        rank=70,
        container="zip",
        holds=frozenset({"labels", "stacking order"}),
        writer="annotator.exchange.formats.voc.write.VocWriter",
        reader="annotator.exchange.formats.voc.read.VocReader",
    ),
)
