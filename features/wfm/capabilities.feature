@wfm
Feature: Devices make themselves known
  A device's client tells the WFM what the device is and what it can run. The WFM keeps that record up to date,
  takes no report that is wrong, and never mixes up devices.

  @req:DC-040
  Scenario: A device is taken in once and updated from then on
    When client A reports device "press-1"
    And client A reports device "press-1" under another serial number
    And client A reports device "press-2"
    Then the WFM tells new devices from those it knows

  @req:DC-040
  Scenario: A device that is withdrawn is forgotten
    Given client A has reported device "press-1"
    When client A withdraws device "press-1"
    And client A withdraws device "press-1"
    And client A reports device "press-1"
    Then the WFM tells new devices from those it knows

  @req:SEC-009 @needs:northbound
  Scenario: A device belongs to the client that first reported it
    When client A reports device "press-1"
    Then the operator sees device "press-1" of client A as it was reported
    When client A reports device "press-1" under another serial number
    Then the operator sees device "press-1" of client A as it was reported

  @req:DC-006 @req:DC-007
  Scenario Outline: Every well-formed device id is taken
    When client A reports device "<id>"
    Then the WFM takes the report of "<id>"

    Examples:
      | id                       |
      | press                    |
      | 7                        |
      | Press.Line-4_left~spare  |
      | a                        |
      | PRESS                    |

  @req:DC-006 @req:DC-007
  Scenario Outline: A device id that is not well-formed is refused
    Given client A has reported device "press-1"
    When client A reports a device with <defect>
    And client A reports device "press-2"
    Then the WFM has refused the device with the wrong id

    Examples:
      | defect                        |
      | an asterisk in its id         |
      | a plus sign in its id         |
      | a blank in its id             |
      | an empty part in its id       |

  @req:DC-040
  Scenario Outline: A report with one thing wrong is refused and leaves nothing behind
    Given client A has reported device "press-1"
    When client A reports device "press-2" with <defect>
    And client A reports device "press-2"
    Then the WFM has refused the wrong report only

    Examples:
      | defect                                      |
      | no text at all                              |
      | text that is no JSON                        |
      | JSON that ends too early                    |
      | a list instead of an object                 |
      | no properties                               |
      | no id                                       |
      | no vendor                                   |
      | no model number                             |
      | no serial number                            |
      | a vendor that is a number                   |
      | an unknown processor architecture           |
      | a processor without cores                   |
      | cores given as text                         |
      | an unknown kind of peripheral               |
      | an unknown kind of interface                |
      | a collector that is neither true nor false  |
      | an empty list of runtimes                   |
      | an empty list of deployment types           |
      | an extension that is no object              |
      | another id than its address                 |

  @req:DC-026 @req:DC-027 @req:DEV-08
  Scenario: A device of kinds nobody knows is taken in all the same
    When client A reports device "press-1" of kinds nobody knows
    Then the WFM takes what it does not know as custom

  @req:DC-038 @req:DC-039 @req:EXT-001 @req:EXT-002 @req:EXT-01
  Scenario: Extensions that nobody knows are ignored
    When client A reports device "press-1" carrying extensions of a stranger
    And client A reports device "press-1"
    Then the WFM takes reports with and without extensions alike

  @req:DC-034 @req:GW-02
  Scenario: A device behind a gateway waits for its gateway
    Given client A has reported device "press-1"
    When client A reports device "hall-1/press-7" before its gateway
    And client A reports the gateway "hall-1"
    And client A reports device "hall-1/press-7"
    Then the WFM has refused the device without its gateway only

  @req:DC-008 @req:DC-034
  Scenario: A chain of gateways is reported one by one
    Given client A has reported the gateway "site-1"
    When client A reports device "site-1/hall-1/press-7" before its gateway
    And client A reports the gateway "site-1/hall-1"
    And client A reports device "site-1/hall-1/press-7"
    Then the WFM has refused the device without its gateway only
