// Reads interfaces of options out of the source with the compiler: each member with its type, what is said of it, the default
// that its docstring tells, and the one that the code has.
import { resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { API } from 'typescript/unstable/sync'
import * as ast from 'typescript/unstable/ast'
import * as is from 'typescript/unstable/ast/is'

const PROJECT = resolve('tsconfig.lib.json')
/** Objects that hold defaults. */
const DEFAULTS = /DEFAULTS$/

/** The options of the package, as the compiler sees them. `close()` ends the compiler. */
export class OptionSource {
  #api = new API({ cwd: process.cwd() })
  #project = this.#api.updateSnapshot({ openProjects: [PROJECT] }).getProject(PROJECT)
  /** Where in a file a name gets a default, by file and name. */
  #defaults = new Map()

  close() {
    this.#api.close()
  }

  /** The interfaces that an entry point exports, by name. */
  interfaces(entry) {
    const { checker, program } = this.#project
    const module = checker.getSymbolAtLocation(program.getSourceFile(resolve(entry)))
    const found = checker.getExportsOfModule(module).map((symbol) => this.#unaliased(symbol))
    return new Map(found.filter(({ flags }) => (flags & INTERFACE) !== 0).map((symbol) => [symbol.name, symbol]))
  }

  /**
   * Its members, those of the interfaces that it extends included.
   * @returns of each { name, owner, file, type, meaning, isRequired, told, real }: `owner` is the interface that declares it,
   *   `told` the default in its docstring, and `real` the one in the code of its file, where that is a plain value
   */
  members(symbol) {
    const { checker } = this.#project
    const properties = checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(symbol))
    return properties.flatMap((property) => this.#member(property, this.#declaration(property).parent.name?.text, ''))
  }

  /** What is said of an interface. */
  meaning(symbol) {
    return oneLine(this.#project.checker.getDocumentationCommentOfSymbol(symbol))
  }

  #member(property, owner, prefix) {
    const { checker } = this.#project
    const node = this.#declaration(property)
    const tags = checker.getJsDocTagsOfSymbol(property)
    const name = prefix + property.name
    const parts = node.type === undefined ? [] : inlineMembers(node.type)
    return [
      {
        name,
        owner,
        file: node.getSourceFile().fileName,
        type: typeText(node),
        meaning: oneLine(checker.getDocumentationCommentOfSymbol(property)),
        isRequired: (property.flags & OPTIONAL) === 0,
        told: tags.filter((tag) => tag.name === 'defaultValue').map(({ text }) => oneLine(text))[0],
        real: this.realDefault(node.getSourceFile().fileName, property.name),
      },
      ...parts.flatMap((part) => this.#member(checker.getSymbolAtLocation(part.name), owner, `${name}.`)),
    ]
  }

  #unaliased(symbol) {
    return (symbol.flags & ALIAS) === 0 ? symbol : this.#project.checker.getAliasedSymbol(symbol)
  }

  #declaration(symbol) {
    return symbol.declarations[0].resolve(this.#project)
  }

  /** What the code in this file takes for an option that is left out, where that is a plain value. */
  realDefault(fileName, name) {
    const path = resolve(fileName)
    const all = this.#defaults.get(path) ?? this.#defaultsIn(this.#project.program.getSourceFile(path))
    this.#defaults.set(path, all)
    const [value, ...others] = all.get(name) ?? []
    if (others.every((other) => isDeepStrictEqual(other, value))) return value
    throw new Error(`${path}: ${name} has several defaults`)
  }

  /** `{ name = 5 } = options`, `options.name ?? 5`, and the members of objects called DEFAULTS. */
  #defaultsIn(file) {
    const found = new Map()
    const add = (name, expression) => {
      const value = this.#value(expression)
      if (value !== undefined) found.set(name, [...(found.get(name) ?? []), value])
    }
    const visit = (node) => {
      if (is.isBindingElement(node) && node.initializer !== undefined)
        add((node.propertyName ?? node.name).text, node.initializer)
      if (is.isBinaryExpression(node) && node.operatorToken.kind === ast.SyntaxKind.QuestionQuestionToken)
        if (is.isPropertyAccessExpression(node.left) && node.left.expression.text === 'options')
          add(node.left.name.text, node.right)
      if (is.isVariableDeclaration(node) && DEFAULTS.test(node.name.text ?? '')) {
        const { initializer } = node
        if (initializer !== undefined && is.isObjectLiteralExpression(initializer))
          for (const property of initializer.properties)
            if (is.isPropertyAssignment(property)) add(property.name.text, property.initializer)
      }
      node.forEachChild(visit)
    }
    visit(file)
    return found
  }

  /** Of a constant expression; undefined of any other. */
  #value(node) {
    if (is.isNumericLiteral(node)) return Number(node.text)
    if (is.isStringLiteral(node)) return node.text
    if (node.kind === ast.SyntaxKind.TrueKeyword) return true
    if (node.kind === ast.SyntaxKind.FalseKeyword) return false
    if (is.isAsExpression(node)) return this.#value(node.expression)
    if (is.isArrayLiteralExpression(node)) return allKnown(node.elements.map((element) => this.#value(element)))
    if (is.isBinaryExpression(node)) return this.#product(node)
    if (is.isIdentifier(node)) return node.text === 'Infinity' ? Infinity : this.#constant(node)
    if (is.isPropertyAccessExpression(node)) return this.#value(node.expression)?.[node.name.text]
    if (is.isObjectLiteralExpression(node)) return this.#object(node)
    return undefined
  }

  #product(node) {
    const [left, right] = [this.#value(node.left), this.#value(node.right)]
    return node.operatorToken.kind === ast.SyntaxKind.AsteriskToken && left !== undefined && right !== undefined
      ? left * right
      : undefined
  }

  #constant(identifier) {
    const symbol = this.#project.checker.getSymbolAtLocation(identifier)
    if (symbol === undefined) return undefined
    const { valueDeclaration } = this.#unaliased(symbol)
    const declaration = valueDeclaration?.resolve(this.#project)
    const isConstant = declaration !== undefined && is.isVariableDeclaration(declaration)
    return isConstant && declaration.initializer !== undefined ? this.#value(declaration.initializer) : undefined
  }

  #object(node) {
    const known = node.properties.filter((property) => is.isPropertyAssignment(property))
    return Object.fromEntries(known.map(({ name, initializer }) => [name.text, this.#value(initializer)]))
  }
}

const INTERFACE = 1 << 6
const ALIAS = 1 << 21
const OPTIONAL = 1 << 24

function allKnown(values) {
  return values.includes(undefined) ? undefined : values
}

/** The members of `false | { readonly a?: number }`. */
function inlineMembers(type) {
  if (is.isTypeLiteralNode(type)) return type.members.filter((member) => is.isPropertySignatureDeclaration(member))
  return is.isUnionTypeNode(type) ? type.types.flatMap(inlineMembers) : []
}

/** As it is written, but for `undefined`, which goes without saying, and what readers of a table do not need. */
function typeText({ type }) {
  return oneLine((type?.getText() ?? 'unknown').replace(/\/\*[^]*?\*\//g, ''))
    .replace(/^\| /, '')
    .replace(/ \| undefined\b/g, '')
    .replace(/\breadonly /g, '')
    .replace(/\bNoInfer<(.*)>/g, '$1')
    .replace(/\( /g, '(')
    .replace(/, \)/g, ')')
    .replace(/^\((\(.*\) => .*)\)$/, '$1')
}

function oneLine(text) {
  return text.replace(/\s+/g, ' ').trim()
}
