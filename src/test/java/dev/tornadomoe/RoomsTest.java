package dev.tornadomoe;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/// The rooms of the house, and that arrows between them never turn back: docs/architecture.md.
class RoomsTest {
  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("dev.tornadomoe");

  @Test
  void dataFlowsOneWay() {
    layeredArchitecture()
        .consideringOnlyDependenciesInLayers()
        .layer("tensor")
        .definedBy("dev.tornadomoe.tensor")
        .layer("checkpoint")
        .definedBy("dev.tornadomoe.checkpoint")
        .layer("layer")
        .definedBy("dev.tornadomoe.layer..")
        .layer("modular")
        .definedBy("dev.tornadomoe.modular")
        .layer("plan")
        .definedBy("dev.tornadomoe.plan")
        .layer("backend")
        .definedBy("dev.tornadomoe.backend..")
        .layer("parallel")
        .definedBy("dev.tornadomoe.parallel")
        .layer("mpi")
        .definedBy("dev.tornadomoe.parallel.mpi")
        .layer("cli")
        .definedBy("dev.tornadomoe.cli")
        .whereLayer("cli")
        .mayNotBeAccessedByAnyLayer()
        .whereLayer("mpi")
        .mayOnlyBeAccessedByLayers("cli")
        .whereLayer("parallel")
        .mayOnlyBeAccessedByLayers("mpi", "cli")
        .whereLayer("backend")
        .mayOnlyBeAccessedByLayers("cli")
        .whereLayer("plan")
        .mayOnlyBeAccessedByLayers("backend", "cli")
        .whereLayer("modular")
        .mayOnlyBeAccessedByLayers("plan", "backend", "parallel", "cli")
        .whereLayer("layer")
        .mayOnlyBeAccessedByLayers("modular", "plan", "backend", "parallel", "cli")
        .whereLayer("checkpoint")
        .mayOnlyBeAccessedByLayers("layer", "parallel", "cli")
        .whereLayer("tensor")
        .mayOnlyBeAccessedByLayers(
            "checkpoint", "layer", "modular", "plan", "backend", "parallel", "cli")
        .check(CLASSES);
  }

  @Test
  void noCircles() {
    slices().matching("dev.tornadomoe.(**)").should().beFreeOfCycles().check(CLASSES);
  }

  @Test
  void newRoomsArePlacedHere() {
    classes()
        .should()
        .resideInAnyPackage(
            "dev.tornadomoe",
            "dev.tornadomoe.tensor",
            "dev.tornadomoe.checkpoint",
            "dev.tornadomoe.layer",
            "dev.tornadomoe.layer.family",
            "dev.tornadomoe.layer.gguf",
            "dev.tornadomoe.modular",
            "dev.tornadomoe.plan",
            "dev.tornadomoe.backend",
            "dev.tornadomoe.backend.host",
            "dev.tornadomoe.backend.reference",
            "dev.tornadomoe.backend.cpu",
            "dev.tornadomoe.parallel",
            "dev.tornadomoe.parallel.mpi",
            "dev.tornadomoe.cli")
        .check(CLASSES);
  }

  @Test
  void backendsDoNotKnowEachOther() {
    noClasses()
        .that()
        .resideInAPackage("dev.tornadomoe.backend.cpu")
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
            "dev.tornadomoe.tensor",
            "dev.tornadomoe.checkpoint",
            "dev.tornadomoe.layer..",
            "dev.tornadomoe.modular",
            "dev.tornadomoe.plan")
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

  @Test
  void commandLineLibrariesStayInTheCommandLine() {
    noClasses()
        .that()
        .resideOutsideOfPackage("dev.tornadomoe.cli")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("picocli..", "me.tongfei..")
        .because("a program that embeds the library does not have them")
        .check(CLASSES);
  }
}
