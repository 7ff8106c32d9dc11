"""What Label Studio is called and what it takes."""

from annotator.exchange.format_spec import FormatSpec, Sentence

SPECS = (
    FormatSpec(
        name="label_studio",
        title="Label Studio",
        words=Sentence(
            en="Tasks in one JSON with brush strokes or polygons, and the labelling set-up to paste.",
            ko="브러시 획이나 다각형을 담은 작업 JSON 하나와 붙여 넣을 레이블링 설정.",
            zh_hant="一個 JSON 內含筆刷或多邊形的工作，以及可貼上的標註設定。",
        ),
        rank=90,
        container="zip",
        holds=frozenset({"labels", "overlaps", "masks without a label"}),
        options=frozenset({"segmentation", "tolerance_px"}),
        writer="annotator.exchange.formats.labelstudio.write.LabelStudioWriter",
        reader="annotator.exchange.formats.labelstudio.read.LabelStudioReader",
    ),
)
