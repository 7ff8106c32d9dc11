"""What the two kinds of index pictures are called and what they take."""

from django.utils.translation import gettext_noop

from annotator.exchange.format_spec import FormatSpec, Sentence

SPECS = (
    FormatSpec(
        name="semantic_png",
        title=gettext_noop("Semantic PNG"),
        words=Sentence(
            en="One picture an image; each pixel is the number of its label.",
            ko="이미지당 그림 하나. 각 픽셀 값이 라벨 번호입니다.",
            zh_hant="每張影像一張圖；每個像素是其標籤的編號。",
        ),
        rank=40,
        container="zip",
        holds=frozenset({"labels", "masks without a label"}),
        writer="annotator.exchange.formats.png.write.SemanticPngWriter",
        reader="annotator.exchange.formats.png.read.SemanticPngReader",
    ),
    FormatSpec(
        name="instance_png",
        title=gettext_noop("Instance PNG"),
        words=Sentence(
            en="One picture an image; each pixel is the number of its mask.",
            ko="이미지당 그림 하나. 각 픽셀 값이 마스크 번호입니다.",
            zh_hant="每張影像一張圖；每個像素是其遮罩的編號。",
        ),
        rank=50,
        container="zip",
        holds=frozenset({"labels", "stacking order", "masks without a label"}),
        writer="annotator.exchange.formats.png.write.InstancePngWriter",
        reader="annotator.exchange.formats.png.read.InstancePngReader",
    ),
)
