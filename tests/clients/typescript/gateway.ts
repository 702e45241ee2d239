// Sends operations to a gateway by HTTP; what comes back has the type that was generated for the operation.
import type { TypedDocumentString } from './generated/graphql';

export class Gateway {
  constructor(
    readonly url: string,
    readonly headers: Record<string, string> = {},
  ) {}

  async execute<Result, Variables>(
    document: TypedDocumentString<Result, Variables>,
    variables: Variables,
  ): Promise<Result> {
    const response = await fetch(this.url, {
      method: 'POST',
      headers: {
        accept: 'application/graphql-response+json',
        'content-type': 'application/json',
        ...this.headers,
      },
      body: JSON.stringify({ query: document.toString(), variables }),
    });
    const { data, errors } = await response.json();
    if (errors) throw new Error(`${errors[0].extensions.code}: ${errors[0].message}`);
    return data;
  }
}
