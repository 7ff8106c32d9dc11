/** Korean texts of the data engine in the workspace. */
import type { WORK_EN } from "./work-en";

export const WORK_KO: Readonly<Record<keyof typeof WORK_EN, string>> = {
  "review.title": "검수",
  "review.by": "{name} 님이 제출했습니다. 잘못된 곳을 고친 뒤 승인하거나, 빠진 것을 적어 돌려보내세요.",
  "review.comment": "해야 할 일",
  "review.accept": "승인하고 다음으로",
  "review.back": "돌려보내기",
  "review.somebody": "누군가",
  "returned.title": "되돌아온 이미지",
  "returned.by": "{name} 님의 의견:",
  "left.title": "남은 영역",
  "left.show": "마스크가 없는 곳을 히트맵으로",
  "left.share": "사진의 {percent}%에 마스크가 없습니다.",
  "left.next": "다음 빈 곳",
  "left.at": "빈 곳 {count}개 중 {at}번째",
  "notice.review.failed": "판정이 저장되지 않았습니다: {reason} 마스크는 저장되었습니다.",
  "notice.review.empty": "검수를 기다리는 이미지가 더 없습니다.",
  "notice.no.gaps": "살펴볼 만한 빈 곳이 없습니다.",
  "action.toggleRemaining": "남은 영역 켜기/끄기",
  "action.nextGap": "다음 빈 곳으로 이동",
};
