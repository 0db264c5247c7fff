package dev.tornadomoe;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// The rooms of the house, and that arrows between them never turn back: docs/architecture.md.
class RoomsTest {
  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("dev.tornadomoe");

  private static final String ROOT = "dev.tornadomoe";

  /// The inner ones first.
  private static final List<String> HOUSES =
      List.of(
          "backend.cpu",
          "tensor",
          "checkpoint",
          "layer",
          "modular",
          "plan",
          "backend",
          "offload",
          "parallel");

  /// Who uses a room of another house.
  private static final Map<String, List<String>> GUESTS =
      Map.ofEntries(
          Map.entry("tensor.block", List.of("checkpoint", "layer", "backend.cpu")),
          Map.entry("tensor.mapped", List.of("checkpoint", "backend")),
          Map.entry("tensor.text", List.of("layer", "plan", "backend", "offload")),
          Map.entry("checkpoint.file", List.of("layer", "parallel")),
          Map.entry("checkpoint.io", List.of("offload", "parallel")),
          Map.entry("backend.host", List.of("backend.cpu")));

  @Test
  void dataFlowsOneWay() {
    layeredArchitecture()
        .consideringOnlyDependenciesInLayers()
        .layer("tensor")
        .definedBy("dev.tornadomoe.tensor..")
        .layer("checkpoint")
        .definedBy("dev.tornadomoe.checkpoint..")
        .layer("layer")
        .definedBy("dev.tornadomoe.layer..")
        .layer("modular")
        .definedBy("dev.tornadomoe.modular..")
        .layer("plan")
        .definedBy("dev.tornadomoe.plan..")
        .layer("backend")
        .definedBy("dev.tornadomoe.backend..")
        .layer("offload")
        .definedBy("dev.tornadomoe.offload")
        .layer("parallel")
        .definedBy("dev.tornadomoe.parallel")
        .layer("mpi")
        .definedBy("dev.tornadomoe.parallel.mpi")
        .whereLayer("mpi")
        .mayNotBeAccessedByAnyLayer()
        .whereLayer("parallel")
        .mayOnlyBeAccessedByLayers("mpi")
        .whereLayer("offload")
        .mayNotBeAccessedByAnyLayer()
        .whereLayer("backend")
        .mayOnlyBeAccessedByLayers("offload")
        .whereLayer("plan")
        .mayOnlyBeAccessedByLayers("backend", "offload")
        .whereLayer("modular")
        .mayOnlyBeAccessedByLayers("plan", "backend", "offload", "parallel")
        .whereLayer("layer")
        .mayOnlyBeAccessedByLayers("modular", "plan", "backend", "offload", "parallel")
        .whereLayer("checkpoint")
        .mayOnlyBeAccessedByLayers("layer", "offload", "parallel")
        .whereLayer("tensor")
        .mayOnlyBeAccessedByLayers(
            "checkpoint", "layer", "modular", "plan", "backend", "offload", "parallel")
        .check(CLASSES);
  }

  @Test
  void noCircles() {
    slices().matching("dev.tornadomoe.(**)").should().beFreeOfCycles().check(CLASSES);
  }

  @Test
  void everyRoomIsInOneOfTheseHouses() {
    classes()
        .should()
        .resideInAnyPackage(
            Stream.concat(Stream.of(ROOT), HOUSES.stream().map(house -> ROOT + "." + house + ".."))
                .toArray(String[]::new))
        .check(CLASSES);
  }

  @Test
  void aRoomServesItsHouseAndItsGuests() {
    Set<String> strangers = new TreeSet<>();
    for (JavaClass from : CLASSES) {
      for (Dependency dependency : from.getDirectDependenciesFromSelf()) {
        String guest = room(from);
        String room = room(dependency.getTargetClass());
        String house = house(room);
        if (!room.equals(house)
            && !isIn(guest, house)
            && GUESTS.getOrDefault(room, List.of()).stream().noneMatch(own -> isIn(guest, own))) {
          strangers.add(guest + " in " + room + ": " + dependency.getDescription());
        }
      }
    }
    assertThat(strangers).isEmpty();
  }

  /// A class's package, without what all have in common; nothing for classes of others.
  private static String room(JavaClass type) {
    String name = type.getBaseComponentType().getPackageName();
    return name.startsWith(ROOT + ".") ? name.substring(ROOT.length() + 1) : "";
  }

  private static String house(String room) {
    return HOUSES.stream().filter(house -> isIn(room, house)).findFirst().orElse("");
  }

  private static boolean isIn(String room, String house) {
    return room.equals(house) || room.startsWith(house + ".");
  }

  @Test
  void backendsDoNotKnowEachOther() {
    noClasses()
        .that()
        .resideInAPackage("dev.tornadomoe.backend.cpu..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("dev.tornadomoe.backend.reference")
        .because("the reference checks the others")
        .check(CLASSES);
  }

  @Test
  void mpiKnowsNothingOfExperts() {
    noClasses()
        .that()
        .resideInAPackage("dev.tornadomoe.parallel.mpi")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "dev.tornadomoe.tensor..",
            "dev.tornadomoe.checkpoint..",
            "dev.tornadomoe.layer..",
            "dev.tornadomoe.modular..",
            "dev.tornadomoe.plan..")
        .because("it carries bytes")
        .check(CLASSES);
  }

  @Test
  void vectorApiStaysBehindItsSeam() {
    noClasses()
        .that()
        .haveSimpleNameNotStartingWith("Vector")
        .and()
        .doNotHaveSimpleName("Species")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("jdk.incubator.vector..")
        .because("the module may be missing")
        .check(CLASSES);
  }
}
