// Quarto's own scripts take the address of every link for a string. Of a link within a drawing it is an object, and
// they stop there. Run before them: this one is deferred, they wait for the document to be ready.
for (const name of ["replace", "match", "startsWith", "includes", "indexOf", "split"]) {
  SVGAnimatedString.prototype[name] ??= function (...given) { return this.baseVal[name](...given); };
}
SVGAnimatedString.prototype.toString = function () { return this.baseVal; };
