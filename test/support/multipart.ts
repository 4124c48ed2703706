// multipart/form-data as far as uploads go (RFC 7578): plain fields and one file.
export function parseMultipart(contentType: string, body: Buffer) {
  const boundary = /boundary=(.+)$/.exec(contentType)![1]!;
  const text = body.toString('latin1');
  const fields: Record<string, string> = {};
  let file = { filename: '', content: Buffer.alloc(0) };
  for (const part of text.split(`--${boundary}`).slice(1, -1)) {
    const [head, ...rest] = part.slice(2, -2).split('\r\n\r\n');
    const name = /name="([^"]*)"/.exec(head!)![1]!;
    const filename = /filename="([^"]*)"/.exec(head!)?.[1];
    const content = rest.join('\r\n\r\n');
    if (filename === undefined) fields[name] = content;
    else file = { filename, content: Buffer.from(content, 'latin1') };
  }
  return { fields, file };
}
