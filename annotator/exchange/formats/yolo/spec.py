"""What YOLO-seg is called and what it takes."""

from annotator.exchange.format_spec import FormatSpec, Sentence

SPECS = (
    FormatSpec(
        name="yolo",
        title="YOLO",
        words=Sentence(
            en="Outlines in text files, split into train, val and test.",
            ko="train, val, test로 나눈 텍스트 파일 속 윤곽선.",
            zh_hant="文字檔中的輪廓，分為 train、val 與 test。",
        ),
        rank=30,
        container="zip",
        holds=frozenset({"labels", "overlaps"}),
        options=frozenset({"tolerance_px"}),
        writer="annotator.exchange.formats.yolo.write.YoloWriter",
        reader="annotator.exchange.formats.yolo.read.YoloReader",
    ),
)
