"""What panoptic COCO is called and what it takes."""

from annotator.exchange.format_spec import FormatSpec, Sentence

SPECS = (
    FormatSpec(
        name="panoptic",
        title="COCO panoptic",
        words=Sentence(
            en="One JSON, and one picture an image whose colours number the masks.",
            ko="JSON 하나와, 색이 마스크 번호를 나타내는 사진별 그림 한 장.",
            zh_hant="一個 JSON，外加每張相片一張以顏色表示遮罩編號的圖。",
        ),
        rank=15,
        container="zip",
        holds=frozenset({"labels", "stacking order", "masks without a label"}),
        writer="annotator.exchange.formats.panoptic.write.PanopticWriter",
        reader="annotator.exchange.formats.panoptic.read.PanopticReader",
    ),
)
