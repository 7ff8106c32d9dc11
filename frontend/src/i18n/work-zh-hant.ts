/** Traditional Chinese texts of the data engine in the workspace. */
import type { WORK_EN } from "./work-en";

export const WORK_ZH_HANT: Readonly<Record<keyof typeof WORK_EN, string>> = {
  "review.title": "審核",
  "review.by": "由 {name} 提交。修正有誤之處後核可；或寫下缺少什麼並退回。",
  "review.comment": "需要做什麼",
  "review.accept": "核可並看下一張",
  "review.back": "退回",
  "review.somebody": "某人",
  "returned.title": "退回給你的影像",
  "returned.by": "{name} 寫道：",
  "left.title": "還剩什麼",
  "left.show": "以熱圖顯示沒有遮罩的部分",
  "left.share": "照片有 {percent}% 沒有遮罩。",
  "left.next": "下一個空隙",
  "left.at": "第 {at} 個空隙，共 {count} 個",
  "notice.review.failed": "審核結果未能保存：{reason} 遮罩已保存。",
  "notice.review.empty": "沒有其他影像在等你審核。",
  "notice.no.gaps": "沒有值得查看的空隙了。",
  "action.toggleRemaining": "開啟或關閉「還剩什麼」",
  "action.nextGap": "前往下一個空隙",
};
