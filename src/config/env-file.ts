// Lines of a .env file that dotenv reads differently from docker compose and the shells.
import { problemOf, type ConfigProblem } from './load.ts';
import { variableNames } from './variables.ts';

/** The pattern by which dotenv 18 splits a line into name and value. Here the value keeps the spaces around it. */
const assignment = /^\s*(?:export\s+)?([\w.-]+)(?:\s*=|:(?=\s))(.*)$/gm;
const quoted = /^\s*(['"`])(?:\\.|(?!\1).)*\1\s*(?:#.*)?$/;

/**
 * dotenv ends a value without quotes at its first "#". For docker compose and the shells a "#" begins a comment only after a
 * space, so they read a "#" inside a value as a part of it.
 */
export function envFileProblems(text: string): ConfigProblem[] {
  return [...text.matchAll(assignment)].flatMap(([, name, value = '']) => {
    const known = variableNames.find((variable) => variable === name);
    if (known === undefined || quoted.test(value) || !/(^|\S)#/.test(value)) return [];
    return [problemOf(known, value.trim(), '"#" only in quotes (.env would end the value there)')];
  });
}
