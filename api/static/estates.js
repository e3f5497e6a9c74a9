// A file that is too large is told before it is sent: a server that refuses it half-way leaves the browser without an answer.
"use strict";

document.addEventListener("change", (event) => {
  const input = event.target.closest("input[type=file][data-limit]");
  if (!input) return;
  const limit = Number(input.dataset.limit);
  const large = [...input.files].some((file) => file.size > limit);
  input.setCustomValidity(large ? `文件超过 ${Math.floor(limit / 1048576)} MB 的上限，请压缩或拆分后再上传。` : "");
  if (large) input.reportValidity();
});
