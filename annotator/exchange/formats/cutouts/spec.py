"""What cut-outs are called and what they take. They are only written."""

from annotator.exchange.format_spec import FormatSpec, Sentence

SPECS = (
    FormatSpec(
        name="cutouts",
        title="Cut-outs",
        words=Sentence(
            en="One PNG for each mask: the photo inside it, transparent around it.",
            ko="마스크마다 PNG 하나: 안쪽은 사진, 바깥쪽은 투명.",
            zh_hant="每個遮罩一個 PNG：內部為相片，周圍透明。",
        ),
        rank=100,
        container="zip",
        holds=frozenset({"labels", "masks without a label", "overlaps"}),
        options=frozenset({"cutout"}),
        writer="annotator.exchange.formats.cutouts.write.CutoutWriter",
    ),
)
