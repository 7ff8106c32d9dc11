"""What COCO is called and what it takes."""

from annotator.exchange.format_spec import HOLDABLE, FormatSpec, Sentence

SPECS = (
    FormatSpec(
        name="coco",
        title="COCO",
        words=Sentence(
            en="One JSON with images, categories and masks; loads in pycocotools.",
            ko="이미지, 범주, 마스크를 담은 JSON 하나. pycocotools로 읽을 수 있습니다.",
            zh_hant="一個 JSON，包含影像、類別與遮罩；可用 pycocotools 載入。",
        ),
        rank=10,
        container="file",
        holds=frozenset(HOLDABLE),
        options=frozenset({"segmentation", "tolerance_px", "holes", "layout", "provenance"}),
        writer="annotator.exchange.formats.coco.write.CocoWriter",
        reader="annotator.exchange.formats.coco.read.CocoReader",
    ),
)
