export type Answer<T> = { readonly value?: T; readonly problem?: string };

/** What the server says once; why not, for people, when it does not. */
export async function ask<T>(path: string, signal?: AbortSignal): Promise<Answer<T>> {
  try {
    const response = await fetch(path, signal === undefined ? {} : { signal });
    if (response.ok) return { value: (await response.json()) as T };
    const { error } = (await response.json()) as { error: { message: string; remedy: string } };
    return { problem: `${error.message}. ${error.remedy}` };
  } catch {
    return { problem: 'the server of this page does not answer' };
  }
}
