package io.qwenimage.ptx.text;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads a PTX module: its directives, variables and functions. */
final class PtxParser {
    private final List<String> lines;
    private final TokenStream tokens;
    private final OperandParser operands;
    private final DeclarationParser declarations;
    private final Scope scope = new Scope(null);
    private final Map<String, PtxFunction> functions = new LinkedHashMap<>();
    private final List<PtxVariable> variables = new ArrayList<>();
    private String version = "";
    private String target = "";

    PtxParser(final String text) {
        this.lines = List.of(text.split("\n", -1));
        this.tokens = new TokenStream(new PtxLexer(text).tokens());
        this.operands = new OperandParser(tokens);
        this.declarations = new DeclarationParser(tokens, operands);
    }

    PtxModule parse() {
        while (tokens.peek().kind() != Token.Kind.END) {
            directive();
        }
        if (version.isEmpty()) {
            throw new PtxSyntaxException(1, "no .version directive: this is not PTX");
        }
        return new PtxModule(version, target, Map.copyOf(functions), List.copyOf(variables), scope, lines);
    }

    private void directive() {
        final Token token = tokens.peek();
        switch (token.text()) {
            case ".version" -> {
                tokens.next();
                version = tokens.next().text();
            }
            case ".target" -> {
                tokens.next();
                target = tokens.word();
                while (tokens.accept(",")) {
                    tokens.word();
                }
            }
            case ".address_size" -> addressSize();
            case ".file", ".loc" -> skipLine();
            case ".section" -> {
                tokens.next();
                tokens.word();
                tokens.skipBraces();
            }
            case ".pragma", ".alias" -> skipStatement();
            default -> declaration();
        }
    }

    private void addressSize() {
        tokens.next();
        final int line = tokens.line();
        final int bits = tokens.integer();
        if (bits != 64) {
            throw new PtxSyntaxException(line, ".address_size " + bits + " is not supported: compile for 64");
        }
    }

    private void declaration() {
        boolean external = false;
        while (true) {
            final Token token = tokens.peek();
            if (token.is(".entry") || token.is(".func")) {
                function(external);
                return;
            }
            if (DeclarationParser.isSpace(token)) {
                variables.addAll(declarations.variables(scope, external));
                return;
            }
            if (!(token.is(".visible") || token.is(".weak") || token.is(".extern") || token.is(".common"))) {
                throw tokens.unexpected();
            }
            external |= token.is(".extern");
            tokens.next();
        }
    }

    private void function(final boolean external) {
        final boolean entry = tokens.next().is(".entry");
        final Scope own = new Scope(scope);
        while (tokens.at(".attribute")) {
            tokens.next();
            skipParentheses();
        }
        final List<PtxVariable> results = !entry && tokens.at("(") ? declarations.parameters(own) : List.of();
        final String name = tokens.word();
        final List<PtxVariable> parameters = tokens.at("(") ? declarations.parameters(own) : List.of();
        final PtxFunction.LaunchLimits limits = limits();
        final BodyParser body = new BodyParser(tokens, declarations, operands);
        if (!tokens.accept(";")) {
            if (external) {
                throw tokens.unexpected();
            }
            body.block(own);
        } else if (functions.containsKey(name)) {
            return;
        }
        functions.put(name, new PtxFunction(name, entry, results, parameters, List.copyOf(body.statements()),
            List.copyOf(body.variables()), limits));
    }

    private PtxFunction.LaunchLimits limits() {
        int[] maximumThreads = null;
        int[] requiredThreads = null;
        int[] requiredCluster = null;
        int minimumBlocks = 0;
        int maximumRegisters = 0;
        while (tokens.peek().kind() == Token.Kind.WORD) {
            final Token token = tokens.next();
            switch (token.text()) {
                case ".maxntid" -> maximumThreads = triple();
                case ".reqntid" -> requiredThreads = triple();
                case ".reqnctapercluster" -> requiredCluster = triple();
                case ".minnctapersm" -> minimumBlocks = tokens.integer();
                case ".maxnreg" -> maximumRegisters = tokens.integer();
                case ".maxnctapersm", ".maxclusterrank", ".abi_preserve", ".abi_preserve_control" -> tokens.integer();
                case ".explicitcluster", ".blocksareclusters", ".noreturn" -> { }
                case ".pragma" -> skipStatement();
                default -> throw new PtxSyntaxException(token.line(), "'" + token.text() + "' was not expected here");
            }
        }
        return new PtxFunction.LaunchLimits(maximumThreads, requiredThreads, requiredCluster, minimumBlocks,
            maximumRegisters);
    }

    private int[] triple() {
        final int[] values = {tokens.integer(), 1, 1};
        for (int i = 1; i < 3 && tokens.accept(","); i++) {
            values[i] = tokens.integer();
        }
        return values;
    }

    private void skipParentheses() {
        tokens.expect("(");
        while (!tokens.accept(")")) {
            if (tokens.next().kind() == Token.Kind.END) {
                throw tokens.unexpected();
            }
        }
    }

    private void skipStatement() {
        while (!tokens.accept(";")) {
            if (tokens.next().kind() == Token.Kind.END) {
                throw tokens.unexpected();
            }
        }
    }

    private void skipLine() {
        final int line = tokens.line();
        while (tokens.line() == line && tokens.peek().kind() != Token.Kind.END) {
            tokens.next();
        }
    }
}
