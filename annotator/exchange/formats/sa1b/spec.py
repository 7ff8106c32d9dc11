"""What SA-1B is called and what it takes."""

from annotator.exchange.format_spec import FormatSpec, Sentence

SPECS = (
    FormatSpec(
        name="sa1b",
        title="SA-1B",
        words=Sentence(
            en="One JSON an image, with the clicks, predicted IoU and stability of each mask.",
            ko="이미지당 JSON 하나. 마스크마다 클릭, 예측 IoU, 안정도가 들어 있습니다.",
            zh_hant="每張影像一個 JSON，含每個遮罩的點擊、預測 IoU 與穩定度。",
        ),
        rank=20,
        container="tar",
        holds=frozenset({"scores", "masks without a label", "overlaps"}),
        options=frozenset({"shortest_side_px", "shard_images"}),
        writer="annotator.exchange.formats.sa1b.write.Sa1bWriter",
        reader="annotator.exchange.formats.sa1b.read.Sa1bReader",
    ),
)
