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

// A file on its way (`form[data-progress]`): how much of it has been sent, and then that it is being read. Whatever is
// answered takes the place of the page's content, refusals included. Without this the form is sent like any other.
document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-progress]");
  if (!form || event.defaultPrevented) return;
  event.preventDefault();
  const data = new FormData(form), button = form.querySelector("button[type=submit]");
  const told = document.createElement("p"), bar = document.createElement("progress"), words = document.createElement("span");
  told.className = "sending";
  told.setAttribute("role", "status");
  bar.max = 100;
  bar.value = 0;
  words.textContent = "正在上传…";
  told.append(bar, words);
  form.querySelector(".sending")?.remove();
  form.append(told);
  button.disabled = true;

  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.responseType = "document";
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    bar.value = Math.floor(100 * loaded / total);
    words.textContent = `已上传 ${bar.value}%`;
  });
  request.upload.addEventListener("load", () => {
    bar.removeAttribute("value");
    words.textContent = "已上传，正在读取…";
  });
  request.addEventListener("load", () => {
    const came = request.response?.getElementById("content");
    if (!came) return location.reload();
    // a refusal is answered at the form's own address, which is no page to come back to
    if (request.status < 400) history.replaceState(null, "", request.responseURL);
    document.getElementById("content").replaceWith(came);
    htmx.process(came);
    const said = document.querySelector("[aria-invalid=true], #refusal, #done");
    said?.focus({ preventScroll: true });
    said?.scrollIntoView({ block: "center" });
  });
  request.addEventListener("error", () => {
    told.textContent = "没有送达，请检查网络后重试。";
    button.disabled = false;
  });
  request.send(data);
});
