package dev.tornadomoe.cli;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/// The rooms of the command line: docs/architecture.md.
class CommandRoomsTest {
  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("dev.tornadomoe.cli");

  @Test
  void noCircles() {
    slices().matching("dev.tornadomoe.(**)").should().beFreeOfCycles().check(CLASSES);
  }

  @Test
  void roomsDoNotKnowTheCommand() {
    noClasses()
        .that()
        .resideInAPackage("dev.tornadomoe.cli.*..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("dev.tornadomoe.cli")
        .because("the command is made of them")
        .check(CLASSES);
  }
}
