package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.counting.InstructionClass;
import io.qwenimage.ptx.execution.SpecialRegister;
import io.qwenimage.ptx.instruction.FunctionLayout.Bank;
import io.qwenimage.ptx.memory.Space;
import io.qwenimage.ptx.text.PtxOperand;
import io.qwenimage.ptx.text.PtxRegister;
import io.qwenimage.ptx.text.PtxStatement;
import io.qwenimage.ptx.text.PtxType;
import io.qwenimage.ptx.text.PtxVariable;
import java.util.ArrayList;
import java.util.List;

/**
 * One instruction while it is decoded: gives its modifiers, turns its operands into slots of the register file, and
 * notes which registers it reads and writes.
 */
public final class InstructionSource {
    private final FunctionContext context;
    private final PtxStatement statement;
    private final String opcode;
    private final Modifiers modifiers;
    private final List<PtxRegister> reads = new ArrayList<>(4);
    private final List<PtxRegister> writes = new ArrayList<>(2);
    private final List<SpecialRegister> changing = new ArrayList<>(0);
    private InstructionClass instructionClass = InstructionClass.OTHER;
    private boolean aligned;
    private boolean copy;
    private int sharedWidth = 4;
    private int multiplyAdds;

    InstructionSource(final FunctionContext context, final PtxStatement statement, final String opcode,
                      final Modifiers modifiers) {
        this.context = context;
        this.statement = statement;
        this.opcode = opcode;
        this.modifiers = modifiers;
    }

    public String opcode() {
        return opcode;
    }

    public Modifiers modifiers() {
        return modifiers;
    }

    public int line() {
        return statement.line();
    }

    public int operandCount() {
        return statement.operands().size();
    }

    /** The operand as it is written; throws when the instruction has fewer. */
    public PtxOperand operand(final int index) {
        if (index >= operandCount()) {
            throw unsupported("operand " + (index + 1) + " is missing");
        }
        return statement.operands().get(index);
    }

    /** Throws unless the instruction has that many operands. */
    public void requireOperands(final int least, final int most) {
        if (operandCount() < least || operandCount() > most) {
            throw unsupported(operandCount() + " operands where " + (least == most ? "" + least : least + " to " + most)
                + " are expected");
        }
    }

    /** Takes the next type among the modifiers; throws when there is none. */
    public PtxType type() {
        final PtxType type = modifiers.takeType();
        if (type == null) {
            throw unsupported("a type modifier is missing");
        }
        return type;
    }

    /** Takes a modifier that has to be there. */
    public void require(final String modifier) {
        if (!modifiers.take(modifier)) {
            throw unsupported("modifier ." + modifier + " is missing");
        }
    }

    /** The error that names this instruction: to be thrown by the caller. */
    public UnsupportedInstructionException unsupported(final String reason) {
        return new UnsupportedInstructionException(line(), context.text(line()), reason);
    }

    /** Sets the class by which the instruction is counted. */
    public void classify(final InstructionClass of) {
        instructionClass = of;
    }

    /** Sets how many multiply-adds one lane's execution counts. */
    public void countMultiplyAdds(final int perLane) {
        multiplyAdds = perLane;
    }

    /** Says that all live lanes of the warp must execute the instruction together. */
    public void aligned() {
        aligned = true;
    }

    /**
     * Says that the instruction only moves values or puts them side by side, so that reading a register never written
     * is not yet a fault: compilers pad vectors with such registers. The result has a value where one of the sources
     * has.
     */
    public void passesOn() {
        copy = true;
    }

    /** Says that shared memory may be accessed in pieces of so many bytes. */
    public void accessesShared(final int bytes) {
        sharedWidth = Math.min(sharedWidth, bytes);
    }

    /** Slot of a source in the 32-bit bank; constants of the type get one. */
    public int intSource(final PtxOperand operand, final PtxType type) {
        if (operand instanceof PtxOperand.Literal literal) {
            return context.layout().constant(Constants.intBits(literal, type));
        }
        final String name = name(operand);
        final PtxRegister register = statement.scope().register(name);
        if (register != null) {
            return read(register, Bank.INT);
        }
        final SpecialRegister special = SpecialRegister.named(name);
        if (special != null) {
            return special(special, 32);
        }
        return context.layout().constant((int) variableAddress(name));
    }

    /** Slot of a source in the 64-bit bank. */
    public int longSource(final PtxOperand operand, final PtxType type) {
        if (operand instanceof PtxOperand.Literal literal) {
            return context.layout().constant(Constants.longBits(literal, type));
        }
        final String name = name(operand);
        final PtxRegister register = statement.scope().register(name);
        if (register != null) {
            return read(register, Bank.LONG);
        }
        final SpecialRegister special = SpecialRegister.named(name);
        if (special != null) {
            return special(special, 64);
        }
        final PtxVariable variable = statement.scope().variable(name);
        if (variable != null && context.spaceOf(variable) == Space.LOCAL) {
            return context.layout().localAddress(context.addressOf(variable));
        }
        return context.layout().constant(variableAddress(name));
    }

    /** Slot of a source in the bank that the type asks for: 32-bit or 64-bit. */
    public int source(final PtxOperand operand, final PtxType type) {
        return type.bits() <= 32 ? intSource(operand, type) : longSource(operand, type);
    }

    /** Slot of a result in the bank that the type asks for; the sink gets a slot nobody reads. */
    public int destination(final PtxOperand operand, final PtxType type) {
        final Bank bank = FunctionLayout.bank(type);
        if (isSink(operand)) {
            return switch (bank) {
                case INT -> context.layout().scratchInt();
                case LONG -> context.layout().scratchLong();
                case PREDICATE -> context.layout().scratchPredicate();
            };
        }
        final PtxRegister register = register(operand);
        if (FunctionLayout.bank(register.type()) != bank) {
            throw unsupported("register " + register + " is of type " + register.type() + ", not of " + type.bits()
                + " bits");
        }
        writes.add(register);
        return context.layout().slot(register);
    }

    /** A predicate that is read, or its negation. */
    public PredicateOperand predicate(final PtxOperand operand) {
        if (operand instanceof PtxOperand.Negated negated) {
            return new PredicateOperand(read(register(negated.operand()), Bank.PREDICATE), true);
        }
        return new PredicateOperand(read(register(operand), Bank.PREDICATE), false);
    }

    /** Slot of a predicate that is written; the sink gets one nobody reads. */
    public int predicateDestination(final PtxOperand operand) {
        return destination(operand, PtxType.PRED);
    }

    /** The declared type of a register operand; throws when it is none. */
    public PtxType registerType(final PtxOperand operand) {
        return register(operand).type();
    }

    public boolean isRegister(final PtxOperand operand) {
        return operand instanceof PtxOperand.Name named && statement.scope().register(named.name()) != null;
    }

    public static boolean isSink(final PtxOperand operand) {
        return operand instanceof PtxOperand.Name named && named.isSink();
    }

    /** The elements of a vector operand, or the operand itself as the only one. */
    public static List<PtxOperand> elements(final PtxOperand operand) {
        return operand instanceof PtxOperand.Vector vector ? vector.elements() : List.of(operand);
    }

    /** Base and offset of an address operand, in brackets or a bare name. */
    public AddressOperand address(final PtxOperand operand) {
        final PtxOperand base = operand instanceof PtxOperand.Address address ? address.base() : operand;
        final long offset = operand instanceof PtxOperand.Address address ? address.offset() : 0;
        if (base instanceof PtxOperand.Literal literal) {
            return new AddressOperand(true, context.layout().constant(literal.bits()), offset, null);
        }
        final String name = name(base);
        final PtxRegister register = statement.scope().register(name);
        if (register != null) {
            final boolean wide = FunctionLayout.bank(register.type()) == Bank.LONG;
            return new AddressOperand(wide, read(register, wide ? Bank.LONG : Bank.INT), offset, null);
        }
        final PtxVariable variable = variable(name);
        return new AddressOperand(true, longSource(base, PtxType.U64), offset, context.spaceOf(variable));
    }

    /** Slot of the 64-bit bank that holds the address of a variable plus an offset. */
    public int addressSlot(final PtxOperand.Address operand) {
        final AddressOperand place = address(operand);
        if (place.space() == null) {
            throw unsupported("an offset is not possible here");
        }
        final PtxVariable variable = variable(name(operand.base()));
        return place.space() == Space.LOCAL
            ? context.layout().localAddress(context.addressOf(variable) + operand.offset())
            : context.layout().constant(context.addressOf(variable) + operand.offset());
    }

    /** Index of the instruction that a label stands before. */
    public int label(final PtxOperand operand) {
        final int target = statement.scope().label(name(operand));
        if (target < 0) {
            throw unsupported("label " + name(operand) + " is not defined");
        }
        return target;
    }

    /** Indices of the instructions that a {@code .branchtargets} list names. */
    public int[] branchTargets(final PtxOperand operand) {
        final List<String> names = operand instanceof PtxOperand.Vector
            ? elements(operand).stream().map(this::name).toList() : statement.scope().targetList(name(operand));
        if (names == null) {
            throw unsupported("no .branchtargets list is named " + name(operand));
        }
        return names.stream().mapToInt(name -> label(new PtxOperand.Name(name))).toArray();
    }

    /** The variable that an operand names, or null. */
    public PtxVariable variableOrNull(final PtxOperand operand) {
        return operand instanceof PtxOperand.Name named ? statement.scope().variable(named.name()) : null;
    }

    /** The space of the variable that an operand names, or null when it names none. */
    public Space spaceOfVariable(final PtxOperand operand) {
        final boolean shadowed = isRegister(operand);
        final PtxVariable variable = shadowed ? null : variableOrNull(operand);
        return variable == null ? null : context.spaceOf(variable);
    }

    public FunctionContext context() {
        return context;
    }

    PtxStatement statement() {
        return statement;
    }

    List<PtxRegister> reads() {
        return reads;
    }

    List<PtxRegister> writes() {
        return writes;
    }

    List<SpecialRegister> changing() {
        return changing;
    }

    InstructionClass instructionClass() {
        return instructionClass;
    }

    boolean isAligned() {
        return aligned;
    }

    boolean isPassedOn() {
        return copy;
    }

    int sharedWidth() {
        return sharedWidth;
    }

    int multiplyAdds() {
        return multiplyAdds;
    }

    private String name(final PtxOperand operand) {
        if (operand instanceof PtxOperand.Name named) {
            return named.name();
        }
        throw unsupported("an operand is not of the expected form");
    }

    private PtxRegister register(final PtxOperand operand) {
        final PtxRegister register = statement.scope().register(name(operand));
        if (register == null) {
            throw unsupported(name(operand) + " is not a register");
        }
        return register;
    }

    private int read(final PtxRegister register, final Bank bank) {
        if (FunctionLayout.bank(register.type()) != bank) {
            throw unsupported("register " + register + " is of type " + register.type() + ", which does not fit here");
        }
        reads.add(register);
        return context.layout().slot(register);
    }

    private int special(final SpecialRegister special, final int bits) {
        if (special.bits() != bits) {
            throw unsupported(special + " has " + special.bits() + " bits, not " + bits);
        }
        if (special.isChanging()) {
            changing.add(special);
        }
        return context.layout().special(special);
    }

    private PtxVariable variable(final String name) {
        final PtxVariable variable = statement.scope().variable(name);
        if (variable == null) {
            throw unsupported(name + " is not defined");
        }
        return variable;
    }

    private long variableAddress(final String name) {
        if (statement.scope().variable(name) == null && context.isFunction(name)) {
            return context.codeAddress(name);
        }
        final PtxVariable variable = variable(name);
        if (context.spaceOf(variable) == Space.LOCAL) {
            throw unsupported("the address of local variable " + name + " has 64 bits");
        }
        return context.addressOf(variable);
    }
}
