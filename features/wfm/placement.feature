@wfm @feature:placement-matching @needs:northbound @needs:placement
Feature: The WFM chooses devices that fit
  A WFM that matches applications with devices before it places them chooses none that lacks what the application
  demands. Each demand is tried on a device that meets it and on one that differs in the one value looked at.

  @req:SEL-02
  Scenario Outline: A device that fits is chosen, and none where there is none: <demand>
    Given client A has a device with <demand>, and one that differs in that
    When the WFM is to place an application that demands <demand>, on either of them
    And client A fetches everything its manifest names
    And the WFM is to place an application that demands <demand>, on the other one only
    And client A asks for its manifest
    Then it has been placed on the fitting device only, and not at all without one

    Examples:
      | demand                          |
      | sixteen cores in one CPU        |
      | a rule of properties and labels |
      | a label                         |

  @req:SEL-03 @req:SEL-04 @req:DC-022
  Scenario Outline: The cores of two CPUs are not added up: <demand>
    Given client A has a device with <demand>, and one that differs in that
    When the WFM is to place an application that demands <demand>, on either of them
    And client A fetches everything its manifest names
    And the WFM is to place an application that demands <demand>, on the other one only
    And client A asks for its manifest
    Then what was demanded of the capacity was looked at

    Examples:
      | demand                          |
      | sixteen cores in one CPU        |
      | eight cores of one architecture |

  @req:SEL-03
  Scenario Outline: An application goes where the capacity suffices: <demand>
    Given client A has a device with <demand>, and one that differs in that
    When the WFM is to place an application that demands <demand>, on either of them
    And client A fetches everything its manifest names
    And the WFM is to place an application that demands <demand>, on the other one only
    And client A asks for its manifest
    Then what was demanded of the capacity was looked at

    Examples:
      | demand                                |
      | one of two architectures              |
      | memory of a size                      |
      | memory of a size told in another unit |
      | storage of a size                     |
      | cores, memory and storage together    |
      | capacity beside a rule                |

  @req:SEL-06
  Scenario Outline: Rules are alternatives, and their conditions hold together: <demand>
    Given client A has a device with <demand>, and one that differs in that
    When the WFM is to place an application that demands <demand>, on either of them
    And client A fetches everything its manifest names
    And the WFM is to place an application that demands <demand>, on the other one only
    And client A asks for its manifest
    Then what the rules demand was looked at

    Examples:
      | demand                          |
      | a rule beside capacity          |
      | one of two rules                |
      | a rule of properties and labels |
      | a rule of labels and properties |
      | every one of several conditions |

  @req:SEL-08
  Scenario Outline: A property is compared by its kind: <demand>
    Given client A has a device with <demand>, and one that differs in that
    When the WFM is to place an application that demands <demand>, on either of them
    And client A fetches everything its manifest names
    And the WFM is to place an application that demands <demand>, on the other one only
    And client A asks for its manifest
    Then what the rules demand was looked at

    Examples:
      | demand                                 |
      | a text among several                   |
      | a text that is none of several         |
      | none of several, where there is any    |
      | a property that is there               |
      | a property that is not there           |
      | a number that is greater               |
      | a number that is less                  |
      | a number compared as a number          |
      | something true and a label             |
      | a text in a list                       |
      | a text that is in no list              |
      | one object that meets everything       |
      | one object that meets something        |
      | objects that are no values, or a label |
      | an object that is no value, or a label |

  @req:SEL-09
  Scenario Outline: A label is compared by its kind: <demand>
    Given client A has a device with <demand>, and one that differs in that
    When the WFM is to place an application that demands <demand>, on either of them
    And client A fetches everything its manifest names
    And the WFM is to place an application that demands <demand>, on the other one only
    And client A asks for its manifest
    Then what the rules demand was looked at

    Examples:
      | demand                                     |
      | a label                                    |
      | a label that is none of several            |
      | none of several labels, where there is any |
      | a label that is there                      |
      | a label that is not there                  |
      | a label that is true                       |
      | a number among a label's                   |
      | a text among a label's                     |
      | a label that is a greater number           |

  @req:SEL-10
  Scenario Outline: Texts are compared exactly: <demand>
    Given client A has a device with <demand>, and one that differs in that
    When the WFM is to place an application that demands <demand>, on either of them
    And client A fetches everything its manifest names
    And the WFM is to place an application that demands <demand>, on the other one only
    And client A asks for its manifest
    Then what the rules demand was looked at

    Examples:
      | demand                  |
      | a text in its own case  |
      | a text in full          |
      | a label in its own case |
