package io.qwenimage;

import static com.tngtech.archunit.base.DescribedPredicate.alwaysTrue;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.fields;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaField;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.lang.reflect.Field;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Keeps the doors between the rooms shut. Every rule is held against the house, where it must pass, and against
 * {@link io.qwenimage.broken}, where it must fail.
 */
class ArchitectureTest {
    private static final String HOUSE = "io.qwenimage";
    private static final String BROKEN = "io.qwenimage.broken";
    /** Packages below model that architectures share. */
    private static final List<String> SHARED_BY_ARCHITECTURES = List.of("language", "vision", "vl");
    private static final JavaClasses PRODUCT = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            // The tests of the module kernels come as a jar.
            .withImportOption(location -> !location.contains("-tests.jar")).importPackages(HOUSE);
    private static final JavaClasses FIXTURES = new ClassFileImporter().importPackages(BROKEN);

    /**
     * A rule for the rooms below a root package.
     *
     * @param culprits what the rule must find in the broken house
     */
    private record Door(String name, Function<String, ArchRule> rule, String... culprits) {
        @Override
        public String toString() {
            return name;
        }
    }

    static Stream<Door> doors() {
        return Stream.of(
                new Door("NiFi's API is used in nifi only", root -> noClasses()
                        .that().resideOutsideOfPackage(root + ".nifi..")
                        .should().dependOnClassesThat().resideInAPackage("org.apache.nifi.."),
                        "org.apache.nifi.logging.ComponentLog"),
                new Door("oneDNN and OpenBLAS are used in backend.cpu only", root -> noClasses()
                        .that().resideOutsideOfPackage(root + ".backend.cpu..")
                        .should().dependOnClassesThat()
                        .resideInAnyPackage("org.bytedeco.dnnl..", "org.bytedeco.openblas.."), "org.bytedeco.dnnl.engine"),
                new Door("CUDA's and other native bindings are used in backends and kernels only", root -> noClasses()
                        .that().resideOutsideOfPackages(root + ".backend.cpu..", root + ".backend.cuda..",
                                root + ".kernels..")
                        .should().dependOnClassesThat().resideInAnyPackage("jcuda..", "org.bytedeco..", "com.sun.jna..")
                        .orShould().dependOnClassesThat().resideInAPackage(root + ".kernels.."),
                        "org.bytedeco.dnnl.engine"),
                new Door("native libraries are loaded in backends, kernels and the tokenizer only",
                        ArchitectureTest::nativeLoading, "System.loadLibrary"),
                new Door("implementations of backends are seen only by those who make one", root -> noClasses()
                        .that().resideOutsideOfPackages(root + ".backend.cpu..", root + ".backend.cuda..",
                                root + ".nifi.services.standard..", root + ".cli..")
                        .should().dependOnClassesThat()
                        .resideInAnyPackage(root + ".backend.cpu..", root + ".backend.cuda.."),
                        "OpenModel.knows()"),
                new Door("the engine knows neither NiFi's components nor the command line", root -> noClasses()
                        .that().resideOutsideOfPackages(root + ".nifi..", root + ".cli..")
                        .should().dependOnClassesThat().resideInAnyPackage(root + ".nifi..", root + ".cli.."),
                        "StandardQwenImagePipeline.knows()", "OpenBackend.toString()"),
                new Door("architectures do not see each other", ArchitectureTest::siblings,
                        "SiblingModel"),
                new Door("processors see services and the pipeline's value types", ArchitectureTest::processors,
                        "OpenModel", "StandardQwenImagePipeline"),
                new Door("packages have no cycles", root -> slices().matching(root + ".(**)")
                        .should().beFreeOfCycles(), "Cycle detected"),
                new Door("static fields are final", root -> fields()
                        .that().areDeclaredInClassesThat().resideInAPackage(root + "..")
                        .and().areStatic().and().doNotHaveModifier(JavaModifier.SYNTHETIC).should().beFinal(),
                        "OpenModel.last"),
                new Door("static fields hold nothing that changes", root -> fields()
                        .that().areDeclaredInClassesThat().resideInAPackage(root + "..")
                        .and().areStatic().and().doNotHaveModifier(JavaModifier.SYNTHETIC)
                        .should(holdNothingThatChanges()), "OpenModel.COUNT", "OpenModel.SIZES", "OpenModel.NAMES"),
                new Door("owners of native memory can be closed", root -> classes()
                        .that(ownNativeMemory()).should(beCloseable()), "OpenBackend"));
    }

    @ParameterizedTest
    @MethodSource("doors")
    void isShut(final Door door) {
        assertTrue(PRODUCT.size() > 100, "only " + PRODUCT.size() + " classes");
        door.rule().apply(HOUSE).check(PRODUCT);
    }

    @ParameterizedTest
    @MethodSource("doors")
    void isSeenToStandOpen(final Door door) {
        final String report = door.rule().apply(BROKEN).evaluate(FIXTURES).getFailureReport().toString();
        for (final String culprit : door.culprits()) {
            assertTrue(report.contains(culprit), () -> culprit + " in: " + report);
        }
        assertTrue(door.culprits().length > 0);
    }

    private static ArchRule nativeLoading(final String root) {
        return noClasses().that().resideOutsideOfPackages(root + ".backend.cpu..", root + ".backend.cuda..",
                        root + ".kernels..", root + ".tokenizer..")
                .should().callMethod(System.class, "load", String.class)
                .orShould().callMethod(System.class, "loadLibrary", String.class)
                .orShould().callMethod(Runtime.class, "load", String.class)
                .orShould().callMethod(Runtime.class, "loadLibrary", String.class);
    }

    private static ArchRule siblings(final String root) {
        final String[] shared = SHARED_BY_ARCHITECTURES.stream().map(name -> root + ".model." + name + "..")
                .toArray(String[]::new);
        return slices().matching(root + ".model.(*)..").should().notDependOnEachOther()
                .ignoreDependency(alwaysTrue(), resideInAnyPackage(shared));
    }

    private static ArchRule processors(final String root) {
        final DescribedPredicate<JavaClass> signals = DescribedPredicate.describe("signals and settings of the engine", type ->
                List.of("io.qwenimage.backend.Cancellation", "io.qwenimage.backend.ResourceExhaustedException",
                        "io.qwenimage.backend.DeviceFaultException", "io.qwenimage.weights.WeightException",
                        "io.qwenimage.generation.SamplingSettings").contains(type.getName()));
        final DescribedPredicate<JavaClass> implementations = DescribedPredicate.describe("implementations",
                type -> type.getSimpleName().startsWith("Standard") && type.getPackageName().startsWith(HOUSE));
        return classes().that().resideInAPackage(root + ".nifi.processors..")
                .should().onlyDependOnClassesThat(resideInAnyPackage("java..", "org.slf4j..", "org.apache.nifi..",
                        root + ".nifi.processors..", root + ".nifi.services", root + ".pipeline", root + ".image", root + ".tensor")
                        .and(DescribedPredicate.not(implementations)).or(signals).or(primitives()));
    }

    /** Arrays of primitives have no package; arrays of objects count as what they hold. */
    private static DescribedPredicate<JavaClass> primitives() {
        return DescribedPredicate.describe("primitives", type -> type.getBaseComponentType().isPrimitive());
    }

    private static ArchCondition<JavaField> holdNothingThatChanges() {
        final List<Class<?>> changing = List.of(StringBuilder.class, ThreadLocal.class);
        return new ArchCondition<>("hold nothing that changes") {
            @Override
            public void check(final JavaField field, final ConditionEvents events) {
                final JavaClass type = field.getRawType();
                final boolean array = type.isArray() && field.getModifiers().contains(JavaModifier.PUBLIC);
                final boolean mutable = type.getPackageName().startsWith("java.util.concurrent.atomic")
                        || changing.stream().anyMatch(type::isAssignableTo);
                final boolean collection = (type.isAssignableTo(Collection.class) || type.isAssignableTo(Map.class))
                        && !isUnmodifiable(field.reflect());
                if (array || mutable || collection) {
                    events.add(SimpleConditionEvent.violated(field, field.getFullName() + " can change"));
                }
            }
        };
    }

    private static boolean isUnmodifiable(final Field field) {
        try {
            field.setAccessible(true);
            final String type = field.get(null).getClass().getName();
            return type.startsWith("java.util.ImmutableCollections") || type.startsWith("java.util.Collections$");
        } catch (IllegalAccessException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Owns native memory: has a field for a pointer, or asks the native tokenizer for one. */
    private static DescribedPredicate<JavaClass> ownNativeMemory() {
        return DescribedPredicate.describe("own native memory", type -> type.getFields().stream()
                .anyMatch(field -> !field.getModifiers().contains(JavaModifier.STATIC)
                        && field.getRawType().getBaseComponentType().isAssignableTo(Pointer.class))
                || type.getMethodCallsFromSelf().stream().anyMatch(call ->
                        call.getTarget().getName().equals("createTokenizerFromString")));
    }

    /** Can be closed itself, or is a part inside of what can be closed. */
    private static ArchCondition<JavaClass> beCloseable() {
        return new ArchCondition<>("be closeable") {
            @Override
            public void check(final JavaClass type, final ConditionEvents events) {
                final boolean closeable = Stream.iterate(Optional.of(type), Optional::isPresent,
                        inner -> inner.flatMap(JavaClass::getEnclosingClass))
                        .anyMatch(each -> each.orElseThrow().isAssignableTo(AutoCloseable.class));
                if (!closeable) {
                    events.add(SimpleConditionEvent.violated(type, type.getName() + " cannot be closed"));
                }
            }
        };
    }
}
