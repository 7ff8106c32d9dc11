"""What LabelMe is called and what it takes."""

from annotator.exchange.format_spec import FormatSpec, Sentence

SPECS = (
    FormatSpec(
        name="labelme",
        title="LabelMe",
        words=Sentence(
            en="One JSON beside each photo, for the LabelMe program.",
            ko="사진마다 JSON 하나씩, LabelMe 프로그램용.",
            zh_hant="每張相片旁一個 JSON，供 LabelMe 程式使用。",
        ),
        rank=60,
        container="zip",
        holds=frozenset({"labels", "attributes", "masks without a label", "overlaps"}),
        options=frozenset({"segmentation", "tolerance_px"}),
        writer="annotator.exchange.formats.labelme.write.LabelmeWriter",
        reader="annotator.exchange.formats.labelme.read.LabelmeReader",
    ),
)
