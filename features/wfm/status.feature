@wfm
Feature: Devices report how they fare
  A device reports the state of each deployment. The WFM takes every report that is right and none that is wrong.

  @needs:northbound @req:ST-018
  Scenario Outline: The way of a deployment through <states>
    Given client A has been given the primary application
    When client A reports the states <states>
    Then the first report is taken as new and the others as updates

    Examples:
      | states                          |
      | pending, installing, installed  |
      | installed                       |
      | installing, failed              |
      | failed, installing, installed   |
      | installed, installed            |

  @needs:northbound @req:ST-018
  Scenario: A removed deployment is reported to its end
    Given client A has been given the primary application
    And client A has reported the state installed
    When the operator removes the primary application
    And client A reports the states removing, removed
    Then the first report is taken as new and the others as updates

  @needs:northbound @req:ST-018
  Scenario Outline: A status with one thing wrong is refused and leaves nothing behind
    Given client A has been given the primary and the secondary application
    And client A has reported the primary application installed
    When client A reports the secondary application with <defect>
    And client A reports the secondary application installed
    Then the WFM has refused the wrong status only

    Examples:
      | defect                                 |
      | no text at all                         |
      | text that is no JSON                   |
      | JSON that ends too early               |
      | a list instead of an object            |
      | no deployment id                       |
      | no status                              |
      | no state                               |
      | no components                          |
      | an unknown state                       |
      | a state in capital letters             |
      | an unknown state of a component        |
      | a component without a name             |
      | a deployment id that is no UUID        |
      | another deployment id than its address |

  @since:1.0.0-rc.3 @needs:northbound @req:ST-018
  Scenario Outline: A status that does not name the manifest it follows is refused: <defect>
    Given client A has been given the primary and the secondary application
    And client A has reported the primary application installed
    When client A reports the secondary application with <defect>
    And client A reports the secondary application installed
    Then the WFM has refused the wrong status only

    Examples:
      | defect                          |
      | no manifest version             |
      | a manifest version of zero      |
      | a manifest version that is text |

  @needs:northbound @req:SEC-006
  Scenario: The status of a deployment that never was is refused
    Given client A has been given the primary application
    And client A has reported the state installed
    When client A reports the status of a deployment that never was
    And client A reports the states installed
    Then the WFM has refused the unknown deployment only
