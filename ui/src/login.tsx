import { useEffect, useRef, useState } from 'preact/hooks';
import { plain } from './name.tsx';
import { again, forget } from './world.ts';

/** Who looks at a cluster says who he is, by a token: it goes to the server once, and is kept by nobody here. */
export function Login() {
  const [problem, setProblem] = useState('');
  const [isAsking, setIsAsking] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const token = input.current?.value.trim() ?? '';
    if (token === '') return;
    setIsAsking(true);
    const refused = await send('/api/login', { token });
    setIsAsking(false);
    setProblem(refused ?? '');
    if (refused === undefined) again();
    else input.current?.select();
  };
  return (
    <main class="login">
      <form onSubmit={(event) => void submit(event)} aria-label="Log in">
        <h1>
          <img src="/favicon.svg" alt="" width="22" height="22" />
          membrane
        </h1>
        <label for="token">Token of Kubernetes</label>
        <input
          id="token"
          ref={input}
          type="password"
          autocomplete="off"
          spellcheck={false}
          maxLength={16_384}
          required
          aria-describedby="token-problem"
        />
        <p class="note">
          You see what your rights are: <code>kubectl create token NAME</code> makes a token of a service account.
        </p>
        <p id="token-problem" class="problem" role="alert">
          {plain(problem)}
        </p>
        <button type="submit" class="main" disabled={isAsking}>
          Log in
        </button>
      </form>
    </main>
  );
}

export async function logout(): Promise<void> {
  await send('/api/logout', {});
  forget();
  again();
}

/** Why not; undefined: it is done. */
async function send(path: string, body: object): Promise<string | undefined> {
  try {
    const response = await fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (response.ok) return undefined;
    const { error } = (await response.json()) as { error: { message: string; remedy: string } };
    return `${error.message}. ${error.remedy}`;
  } catch {
    return 'the server of this page does not answer';
  }
}
