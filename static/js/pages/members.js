// Who may do what in a project. Owners change it; the others look.
import { html, useState } from "../lib/preact.js";
import { get, patch, post, remove, url } from "../lib/http.js";
import { useResource } from "../lib/resource.js";
import { initials } from "../lib/format.js";
import { loadSession, projects, user } from "../state/session.js";
import { confirmAnd } from "../components/dialog.js";
import { FormError, Input, Select, SubmitButton, useSubmit } from "../components/form.js";
import { Loaded } from "../components/states.js";
import { toast } from "../components/toast.js";

const ROLES = [["viewer", "Viewer: looks and tails"], ["editor", "Editor: also changes and publishes"], ["owner", "Owner: also members and deletion"]];
const SHORT = { viewer: "Viewer", editor: "Editor", owner: "Owner" };

const memberId = (member) => member.user?.id ?? member.user_id ?? member.id;
const memberEmail = (member) => member.user?.email ?? member.email;

function AddMember({ projectId, done }) {
  const [email, setEmail] = useState("");
  const [role, setRole] = useState("viewer");
  const form = useSubmit(async () => {
    await post(url`/api/projects/${projectId}/members`, { email: email.trim(), role });
    setEmail("");
    done();
  });
  return html`<section class="card"><header><h2>Add somebody</h2></header><form class="inside" onSubmit=${form.submit}><div class="form-row">
    <${Input} label="E-mail" type="email" required wrong=${form.fields.email} value=${email} onValue=${setEmail} />
    <${Select} label="Role" value=${role} onValue=${setRole} options=${ROLES} wrong=${form.fields.role} /></div>
    <${FormError} form=${form} shown=${["email", "role"]} /><div><${SubmitButton} form=${form}>Add<//></div></form></section>`;
}

function Row({ member, owns, changeRole, drop }) {
  const email = memberEmail(member);
  const self = String(memberId(member)) === String(user.value.id);
  return html`<tr><td><span class="member"><span class="avatar" aria-hidden="true">${initials(member.name || email)}</span><span><b>${email}</b>${self && html` <span class="dim">you</span>`}</span></span></td>
    <td data-label="Role">${owns ? html`<select class="select role" aria-label=${`Role of ${email}`} value=${member.role} onChange=${(e) => changeRole(member, e.target.value, e.target)}>
      ${Object.entries(SHORT).map(([key, words]) => html`<option key=${key} value=${key} selected=${key === member.role}>${words}</option>`)}</select>` : SHORT[member.role]}</td>
    <td class="act">${owns && html`<button type="button" class="btn small quiet danger-quiet" aria-label=${self ? "Leave this project" : `Remove ${email}`} onClick=${() => drop(member, self)}>${self ? "Leave" : "Remove"}</button>`}</td></tr>`;
}

function useActions(projectId, resource) {
  const path = (member) => url`/api/projects/${projectId}/members/${memberId(member)}`;
  const changeRole = async (member, role, select) => {
    try {
      await patch(path(member), { role });
      toast(`${memberEmail(member)} is ${SHORT[role].toLowerCase()} now.`);
    } catch (error) {
      select.value = member.role;
      toast(error.message, { bad: true });
    }
    resource.reload();
    loadSession();
  };
  const drop = async (member, self) => {
    const email = memberEmail(member);
    const done = await confirmAnd({
      title: self ? "Leave this project?" : `Remove ${email}?`, action: self ? "Leave" : "Remove", danger: true,
      text: "Their open pages lose access at once. Credentials that they created keep working.", run: async () => (await remove(path(member)), true),
    });
    if (done) await Promise.all([resource.reload(), self && loadSession()]);
  };
  return { changeRole, drop };
}

export function MembersPage({ projectId }) {
  const project = projects.value.find((p) => p.id === projectId);
  const resource = useResource((signal) => get(url`/api/projects/${projectId}/members`, { signal }), [projectId]);
  const actions = useActions(projectId, resource);
  const owns = project?.role === "owner";
  return html`<div class="body narrow-body"><div class="head"><h1>Members</h1><span class="dim">${project?.name}</span></div>
    <${Loaded} resource=${resource}>${({ members }) => html`<div class="card table-wrap"><table class="table stack"><thead><tr><th>Person</th><th>Role</th><th><span class="sr-only">Actions</span></th></tr></thead>
      <tbody>${members.map((m) => html`<${Row} key=${memberId(m)} member=${m} owns=${owns} ...${actions} />`)}</tbody></table></div>`}<//>
    ${owns ? html`<${AddMember} projectId=${projectId} done=${resource.reload} />` : null}</div>`;
}
